/* Functions of the engine that our C needs and its public header lacks. */
#ifndef PODWIRE_ENGINE_H
#define PODWIRE_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "quickjs.h"

/* The memory of a typed array. Returns false, without an exception, for any other value. */
bool engine_bytes(JSValueConst value, uint8_t **data, size_t *size);

/* A text in which each byte becomes the character of its number. */
JSValue engine_latin1(JSContext *context, const uint8_t *bytes, size_t size);

/*
 * Watches whether a module reads time or time zone. `engine_time_reader` gets the stack of the first reader, or NULL.
 */
void engine_watch_time(JSContext *context, bool isWatched);
const char *engine_time_reader(void);

/*
 * Makes every built-in function now: the engine would make it at its first use. Returns a negative number and an
 * exception on failure.
 */
int engine_complete(JSContext *context);

/* The last step before the heap becomes the image: removes all state of this process from it. */
void engine_seal(JSContext *context);

/* The first step of a process that starts from the image. `stack` is the program's stack limit in bytes. */
void engine_start(JSContext *context, size_t stack, uint64_t seed);

#endif
