/*
 * The build without an image: it evaluates modules when it starts. The build compiles with it, tests run modules with
 * it, and the sanitizers check it.
 *
 * evaluate compile SCRIPT BYTECODE   compiles a script; its stacks have the file's name
 * evaluate run SCRIPT [ARGUMENT...]  calls the function that is the script's value
 *
 * With bytecode linked in (embedded.S) it runs that bytecode's program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "heap.h"
#include "program.h"

extern const uint8_t embedded_start[], embedded_end[];

static char *read_text(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) return NULL;
  long length = ftell(file);
  rewind(file);
  /* The engine's parser needs a NUL after the text. */
  char *text = calloc(1, (size_t)length + 1);
  *size = text == NULL ? 0 : fread(text, 1, (size_t)length, file);
  fclose(file);
  return *size == (size_t)length ? text : NULL;
}

static const char *base_name(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash == NULL ? path : slash + 1;
}

static int fail(JSContext *context) {
  program_print_exception(context);
  return 1;
}

static int compile(JSContext *context, const char *path, const char *target) {
  size_t size, length;
  char *text = read_text(path, &size);
  if (text == NULL) return 2;
  JS_SetStripInfo(JS_GetRuntime(context), JS_STRIP_SOURCE);
  int flags = JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_STRICT | JS_EVAL_FLAG_COMPILE_ONLY;
  JSValue function = JS_Eval(context, text, size, base_name(path), flags);
  if (JS_IsException(function)) return fail(context);
  uint8_t *bytes = JS_WriteObject(context, &length, function, JS_WRITE_OBJ_BYTECODE);
  FILE *file = bytes == NULL ? NULL : fopen(target, "wb");
  if (file == NULL || fwrite(bytes, 1, length, file) != length || fclose(file) != 0) return 2;
  return 0;
}

static int run(JSContext *context, JSValue start, int count, char **arguments, char **environment) {
  if (JS_IsException(start)) return fail(context);
  return program_run(context, start, count, arguments, environment);
}

static int run_script(JSContext *context, int count, char **arguments, char **environment) {
  size_t size;
  char *text = read_text(arguments[0], &size);
  if (text == NULL) return 2;
  int flags = JS_EVAL_TYPE_GLOBAL | JS_EVAL_FLAG_STRICT;
  JSValue start = JS_Eval(context, text, size, base_name(arguments[0]), flags);
  return run(context, start, count, arguments, environment);
}

/* Modules bundled for a test can nest deeper than a call. */
#define STACK (4UL << 20)

int main(int count, char **arguments, char **environment) {
#ifdef PODWIRE_IMAGE
  heap_start(false);
#endif
  JSContext *context = program_new_context();
  if (context == NULL) return 2;
  JS_SetMaxStackSize(JS_GetRuntime(context), STACK);
  size_t embedded = (size_t)(embedded_end - embedded_start);
  int code = 2;
  if (embedded > 0) {
    code = run(context, program_evaluate(context, embedded_start, embedded), count, arguments, environment);
  } else {
    JS_AddIntrinsicEval(context);
    if (count == 4 && strcmp(arguments[1], "compile") == 0) code = compile(context, arguments[2], arguments[3]);
    if (count >= 3 && strcmp(arguments[1], "run") == 0) code = run_script(context, count - 2, arguments + 2, environment);
  }
  fflush(NULL);
  _Exit(code);
}
