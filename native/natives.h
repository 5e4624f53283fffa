/* The functions that TypeScript lacks: native.d.ts describes them. */
#ifndef PODWIRE_NATIVES_H
#define PODWIRE_NATIVES_H

#include <stdbool.h>
#include <stdint.h>

#include "quickjs.h"

/* Makes the object `native`, a property of the global object. */
void natives_define(JSContext *context);

/* While modules are evaluated for the image, every native is refused: what it returned would be of the building machine. */
void natives_allow(bool isAllowed);

/* False, with an exception that names the native, while they are refused. */
bool natives_are_allowed(JSContext *context, const char *name);

/*
 * A number without a fraction, of that range; false and an exception for any other value. Nothing is converted: undefined would be
 * 0, a descriptor that is open.
 */
bool natives_integer(JSContext *context, JSValueConst value, int64_t least, int64_t most, int64_t *number);

/*
 * The UTF-8 form of a text for the kernel, to be freed with JS_FreeCString; NULL and an exception for any other value. A NUL
 * inside would name another file: then `*isValid` becomes false.
 */
const char *natives_text(JSContext *context, JSValueConst value, bool *isValid);

void system_calls_define(JSContext *context, JSValueConst target);
void spawn_define(JSContext *context, JSValueConst target);
void text_define(JSContext *context, JSValueConst target);
void digest_define(JSContext *context, JSValueConst target);
void dump_sum_define(JSContext *context, JSValueConst target);

#endif
