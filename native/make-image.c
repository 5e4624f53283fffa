/* Build time: evaluates the program's modules in the heap that becomes the image. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "heap.h"
#include "image.h"
#include "make-image.h"
#include "natives.h"
#include "program.h"

static uint8_t *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) return NULL;
  long length = ftell(file);
  rewind(file);
  uint8_t *bytes = malloc((size_t)length);
  *size = bytes == NULL ? 0 : fread(bytes, 1, (size_t)length, file);
  fclose(file);
  return *size == (size_t)length ? bytes : NULL;
}

static int write_file(const char *path, const void *bytes, size_t size) {
  FILE *file = fopen(path, "wb");
  if (file == NULL) return -1;
  size_t written = fwrite(bytes, 1, size, file);
  return fclose(file) == 0 && written == size ? 0 : -1;
}

static int fail(const char *what) {
  fprintf(stderr, "image: %s\n", what);
  return 1;
}

/* Replaces Math.random during evaluation. */
static JSValue refuse_random(JSContext *context, JSValueConst self, int count, JSValueConst *values) {
  (void)self;
  (void)count;
  (void)values;
  return JS_ThrowTypeError(context, "Math.random is called while a module is evaluated: the image would keep its value");
}

/*
 * Returns the script's value: the program's function. During evaluation, system calls, time and random numbers are
 * refused.
 */
static JSValue evaluate_modules(JSContext *context, const uint8_t *bytecode, size_t size) {
  JSValue global = JS_GetGlobalObject(context);
  JSValue math = JS_GetPropertyStr(context, global, "Math");
  JSValue random = JS_GetPropertyStr(context, math, "random");
  JS_SetPropertyStr(context, math, "random", JS_NewCFunction(context, refuse_random, "random", 0));
  natives_allow(false);
  engine_watch_time(context, true);
  JSValue start = program_evaluate(context, bytecode, size);
  engine_watch_time(context, false);
  natives_allow(true);
  JS_SetPropertyStr(context, math, "random", random);
  JS_FreeValue(context, math);
  JS_FreeValue(context, global);
  return start;
}

int make_image(int count, char **arguments) {
  if (count != 3) return fail("usage: seed BYTECODE IMAGE");
  size_t size;
  uint8_t *bytecode = read_file(arguments[1], &size);
  if (bytecode == NULL) return fail("the bytecode cannot be read");
  heap_start(true);
  JSContext *context = program_new_context();
  if (context == NULL) return fail("no memory");
  JSValue start = evaluate_modules(context, bytecode, size);
  if (JS_IsException(start)) {
    program_print_exception(context);
    return fail("a module cannot be evaluated");
  }
  if (engine_time_reader() != NULL) {
    fputs(engine_time_reader(), stderr);
    return fail("a module reads the time, or the time zone, while it is evaluated: the image would keep it");
  }
  if (!JS_IsFunction(context, start)) return fail("the program's value is no function");
  if (engine_complete(context) != 0) return fail("no memory for the built-in functions");
  podwire_image.context = context;
  memcpy(podwire_image.start, &start, sizeof start);
  engine_seal(context);
  podwire_image.size = heap_seal();
  if (write_file(arguments[2], &podwire_image, podwire_image.size) != 0) return fail("the image cannot be written");
  return 0;
}
