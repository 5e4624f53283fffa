#include "natives.h"

static bool allowed = true;

void natives_allow(bool isAllowed) { allowed = isAllowed; }

bool natives_are_allowed(JSContext *context, const char *name) {
  if (allowed) return true;
  JS_ThrowTypeError(context, "%s is called while a module is evaluated: the image would keep what the building machine says", name);
  return false;
}

/* Offsets of system structures and flags differ between processors. */
#if defined(__x86_64__)
#define ARCHITECTURE "x64"
#elif defined(__aarch64__)
#define ARCHITECTURE "arm64"
#else
#error "podwire knows x86-64 and arm64"
#endif

void natives_define(JSContext *context) {
  JSValue native = JS_NewObject(context);
  system_calls_define(context, native);
  spawn_define(context, native);
  text_define(context, native);
  digest_define(context, native);
  JS_SetPropertyStr(context, native, "architecture", JS_NewString(context, ARCHITECTURE));
  JSValue global = JS_GetGlobalObject(context);
  JS_SetPropertyStr(context, global, "native", native);
  JS_FreeValue(context, global);
}
