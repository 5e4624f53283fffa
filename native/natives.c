#include <string.h>

#include "natives.h"

static bool allowed = true;

void natives_allow(bool isAllowed) { allowed = isAllowed; }

bool natives_are_allowed(JSContext *context, const char *name) {
  if (allowed) return true;
  JS_ThrowTypeError(context, "%s is called while a module is evaluated: the image would keep what the building machine says", name);
  return false;
}

bool natives_integer(JSContext *context, JSValueConst value, int64_t least, int64_t most, int64_t *number) {
  double given;
  if (!JS_IsNumber(value)) {
    JS_ThrowTypeError(context, "a number is needed");
    return false;
  }
  if (JS_ToFloat64(context, &given, value) != 0) return false;
  if (given >= (double)least && given <= (double)most && given == (double)(int64_t)given) {
    *number = (int64_t)given;
    return true;
  }
  JS_ThrowRangeError(context, "an integer from %lld to %lld is needed", (long long)least, (long long)most);
  return false;
}

const char *natives_text(JSContext *context, JSValueConst value, bool *isValid) {
  size_t length;
  if (!JS_IsString(value)) {
    if (!JS_HasException(context)) JS_ThrowTypeError(context, "a text is needed");
    return NULL;
  }
  const char *text = JS_ToCStringLen(context, &length, value);
  if (text != NULL && strlen(text) != length) *isValid = false;
  return text;
}

/* Offsets in system structures and flags differ between processors. */
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
  dump_sum_define(context, native);
  JS_SetPropertyStr(context, native, "architecture", JS_NewString(context, ARCHITECTURE));
  JSValue global = JS_GetGlobalObject(context);
  JS_SetPropertyStr(context, global, "native", native);
  JS_FreeValue(context, global);
}
