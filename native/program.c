#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "heap.h"
#include "natives.h"
#include "program.h"

JSContext *program_new_context(void) {
  JSRuntime *runtime = JS_NewRuntime2(&heap_functions, NULL);
  JSContext *context = runtime == NULL ? NULL : JS_NewContextRaw(runtime);
  if (context == NULL) return NULL;
  JS_AddIntrinsicBaseObjects(context);
  JS_AddIntrinsicDate(context);
  JS_AddIntrinsicRegExpCompiler(context);
  JS_AddIntrinsicRegExp(context);
  JS_AddIntrinsicJSON(context);
  JS_AddIntrinsicMapSet(context);
  JS_AddIntrinsicTypedArrays(context);
  natives_define(context);
  return context;
}

JSValue program_evaluate(JSContext *context, const uint8_t *bytecode, size_t size) {
  JSValue function = JS_ReadObject(context, bytecode, size, JS_READ_OBJ_BYTECODE);
  if (JS_IsException(function)) return function;
  return JS_EvalFunction(context, function);
}

static JSValue array_of(JSContext *context, int count, char **texts) {
  JSValue array = JS_NewArray(context);
  for (int at = 0; at < count; at++) JS_SetPropertyUint32(context, array, (uint32_t)at, JS_NewString(context, texts[at]));
  return array;
}

/* Without a prototype, since a variable may have any name. Of a repeated name the first counts, as in getenv(3). */
static JSValue object_of(JSContext *context, char **environment) {
  JSValue object = JS_NewObjectProto(context, JS_NULL);
  for (char **variable = environment; *variable != NULL; variable++) {
    const char *sign = strchr(*variable, '=');
    if (sign == NULL) continue;
    JSAtom name = JS_NewAtomLen(context, *variable, (size_t)(sign - *variable));
    if (JS_HasProperty(context, object, name) == 0) JS_SetProperty(context, object, name, JS_NewString(context, sign + 1));
    JS_FreeAtom(context, name);
  }
  return object;
}

static void print(int descriptor, const char *text) {
  size_t length = strlen(text);
  while (length > 0) {
    ssize_t written = write(descriptor, text, length);
    if (written <= 0) return;
    text += written;
    length -= (size_t)written;
  }
}

static void print_value(JSContext *context, JSValueConst value) {
  const char *text = JS_ToCString(context, value);
  print(STDERR_FILENO, text == NULL ? "(no memory to say it)" : text);
  print(STDERR_FILENO, "\n");
  JS_FreeCString(context, text);
}

void program_print_exception(JSContext *context) {
  JSValue exception = JS_GetException(context);
  print_value(context, exception);
  if (JS_IsObject(exception)) {
    JSValue stack = JS_GetPropertyStr(context, exception, "stack");
    print_value(context, stack);
    JS_FreeValue(context, stack);
  }
  JS_FreeValue(context, exception);
}

/*
 * The error for failures in which the program cannot print its own (specification, "Error"; 999 is libcni's code for
 * errors without one).
 */
static const char last_words[] =
    "{\n    \"cniVersion\": \"1.1.0\",\n    \"code\": 999,\n    \"msg\": \"podwire failed, and could not say why\",\n"
    "    \"details\": \"standard error has the reason; the likely one is that memory or stack ran out (ulimit -v, ulimit -s)\"\n}\n";

int program_run(JSContext *context, JSValueConst start, int count, char **arguments, char **environment) {
  /* Without SIGPIPE a closed pipe is an error of write(2), after which ADD undoes its work. */
  signal(SIGPIPE, SIG_IGN);
  JSValue values[2] = {array_of(context, count, arguments), object_of(context, environment)};
  JSValue result = JS_Call(context, start, JS_UNDEFINED, 2, values);
  int32_t code = 1;
  if (JS_IsException(result) || JS_ToInt32(context, &code, result) != 0) {
    print(STDOUT_FILENO, last_words);
    program_print_exception(context);
    code = 1;
  }
  return code;
}
