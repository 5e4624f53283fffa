/* The C functions for TypeScript; native.d.ts describes them. */
#ifndef PODWIRE_NATIVES_H
#define PODWIRE_NATIVES_H

#include <stdbool.h>
#include <stdint.h>

#include "quickjs.h"

/* Defines the property `native` of the global object. */
void natives_define(JSContext *context);

/* Refuses all natives while modules are evaluated for the image: their results would be of the building machine. */
void natives_allow(bool isAllowed);

/* While natives are refused, returns false with an exception that names the native. */
bool natives_are_allowed(JSContext *context, const char *name);

/*
 * Reads an integer of that range; false and an exception for any other value. It converts nothing: undefined would
 * become 0, an open descriptor.
 */
bool natives_integer(JSContext *context, JSValueConst value, int64_t least, int64_t most, int64_t *number);

/*
 * The text in UTF-8 for the kernel, to be freed with JS_FreeCString; NULL and an exception for any other value. With a
 * NUL inside, the kernel would see another name: then `*isValid` becomes false.
 */
const char *natives_text(JSContext *context, JSValueConst value, bool *isValid);

void system_calls_define(JSContext *context, JSValueConst target);
void spawn_define(JSContext *context, JSValueConst target);
void text_define(JSContext *context, JSValueConst target);
void digest_define(JSContext *context, JSValueConst target);
void dump_sum_define(JSContext *context, JSValueConst target);

#endif
