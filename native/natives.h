/* The functions that TypeScript lacks: native.d.ts describes them. */
#ifndef PODWIRE_NATIVES_H
#define PODWIRE_NATIVES_H

#include <stdbool.h>

#include "quickjs.h"

/* Makes the object `native`, a property of the global object. */
void natives_define(JSContext *context);

/* While modules are evaluated for the image, every native is refused: what it returned would be of the building machine. */
void natives_allow(bool isAllowed);

/* False, with an exception that names the native, while they are refused. */
bool natives_are_allowed(JSContext *context, const char *name);

void system_calls_define(JSContext *context, JSValueConst target);
void spawn_define(JSContext *context, JSValueConst target);
void text_define(JSContext *context, JSValueConst target);
void digest_define(JSContext *context, JSValueConst target);

#endif
