/* What our C needs of the engine beyond its public header. */
#ifndef PODWIRE_ENGINE_H
#define PODWIRE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quickjs.h"

/* The memory that a typed array shows. False, with no exception, for any other value. */
bool engine_bytes(JSValueConst value, uint8_t **data, size_t *size);

/* A text of which each byte is the character of its number. */
JSValue engine_latin1(JSContext *context, const uint8_t *bytes, size_t size);

/* Watches whether a module reads time or time zone; `engine_time_reader` gets the stack of the first that did, or NULL. */
void engine_watch_time(JSContext *context, bool isWatched);
const char *engine_time_reader(void);

/* Makes every built-in function that is otherwise made at its first use. Returns a negative number and an exception on failure. */
int engine_complete(JSContext *context);

/* The last step before the heap becomes the image: nothing of this process stays in it. */
void engine_seal(JSContext *context);

/* The first step of a process that starts with the image. `stack` is the number of bytes that the program may use of the stack. */
void engine_start(JSContext *context, size_t stack, uint64_t seed);

#endif
