/* A program in TypeScript, once its modules are evaluated: a function. */
#ifndef PODWIRE_PROGRAM_H
#define PODWIRE_PROGRAM_H

#include "quickjs.h"

/* A context with what the language has, without a way to compile text, and with our natives. NULL without memory. */
JSContext *program_new_context(void);

/* Evaluates what the compiler made of a script. Returns the script's value, or JS_EXCEPTION. */
JSValue program_evaluate(JSContext *context, const uint8_t *bytecode, size_t size);

/*
 * Calls the program's function as start(arguments, environment): an array of texts, and an object from name to value.
 * Returns the number that it returns. What it throws is told on both outputs, and is 1.
 */
int program_run(JSContext *context, JSValueConst start, int count, char **arguments, char **environment);

/* Prints an exception with its stack on standard error, and takes it from the context. */
void program_print_exception(JSContext *context);

#endif
