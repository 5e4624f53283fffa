/* A program in TypeScript: a function, once its modules are evaluated. */
#ifndef PODWIRE_PROGRAM_H
#define PODWIRE_PROGRAM_H

#include "quickjs.h"

/* A context with the language and our natives, but without a compiler for text. NULL without memory. */
JSContext *program_new_context(void);

/* Evaluates compiled bytecode. Returns the script's value, or JS_EXCEPTION. */
JSValue program_evaluate(JSContext *context, const uint8_t *bytecode, size_t size);

/*
 * Calls the program's function as start(arguments, environment): an array of texts, and an object from name to value.
 * Returns the function's number. An exception is printed on both outputs and returns 1.
 */
int program_run(JSContext *context, JSValueConst start, int count, char **arguments, char **environment);

/* Prints an exception with its stack on standard error, and clears it. */
void program_print_exception(JSContext *context);

#endif
