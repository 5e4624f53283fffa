/*
 * The engine, and functions that need its internals. QuickJS is compiled as part of this file, because its header
 * hides its structures. scripts/engine/changes.ts lists our changes to it.
 */
#include "image.h"

struct timeval;
struct tm;
static int engine_gettimeofday(struct timeval *time, void *zone);
static struct tm *engine_localtime(const long *time, struct tm *parts);

#include <sys/time.h>
#include <time.h>
/*
 * The engine reads time and time zone only by these functions. So the build finds a module that reads them during
 * evaluation.
 */
#define gettimeofday engine_gettimeofday
#define localtime_r engine_localtime
#include "quickjs.c"
#undef gettimeofday
#undef localtime_r

#include "engine.h"

static JSContext *watched;
static const char *time_reader;

static void note_time_reader(void) {
  if (watched == NULL || time_reader != NULL) return;
  JSContext *context = watched;
  watched = NULL;
  JS_ThrowTypeError(context, "time");
  JSValue error = JS_GetException(context);
  JSValue stack = JS_GetPropertyStr(context, error, "stack");
  time_reader = JS_ToCString(context, stack);
  JS_FreeValue(context, stack);
  JS_FreeValue(context, error);
}

static int engine_gettimeofday(struct timeval *time, void *zone) {
  (void)zone;
  note_time_reader();
  return gettimeofday(time, NULL);
}

static struct tm *engine_localtime(const long *time, struct tm *parts) {
  note_time_reader();
  return localtime_r(time, parts);
}

void engine_watch_time(JSContext *context, bool isWatched) { watched = isWatched ? context : NULL; }

const char *engine_time_reader(void) { return time_reader; }

bool engine_bytes(JSValueConst value, uint8_t **data, size_t *size) {
  if (JS_VALUE_GET_TAG(value) != JS_TAG_OBJECT) return false;
  JSObject *object = JS_VALUE_GET_OBJ(value);
  if (object->class_id < JS_CLASS_UINT8C_ARRAY || object->class_id > JS_CLASS_FLOAT64_ARRAY) return false;
  *data = object->u.array.u.uint8_ptr;
  *size = (size_t)object->u.array.count << typed_array_size_log2(object->class_id);
  return true;
}

JSValue engine_latin1(JSContext *context, const uint8_t *bytes, size_t size) {
  if (size > JS_STRING_LEN_MAX) return JS_ThrowRangeError(context, "%d bytes are too many for a text", (int)size);
  return js_new_string8_len(context, (const char *)bytes, (int)size);
}

/* Returns 1 if it made a built-in, 0 if none was left, or -1. The object's shape may change. */
static int complete_one(JSContext *context, JSObject *object) {
  JSShapeProperty *property = get_shape_prop(object->shape);
  for (int at = 0; at < object->shape->prop_count; at++, property++) {
    if (property->atom == JS_ATOM_NULL || (property->flags & JS_PROP_TMASK) != JS_PROP_AUTOINIT) continue;
    return JS_AutoInitProperty(context, object, property->atom, &object->prop[at], property) < 0 ? -1 : 1;
  }
  return 0;
}

int engine_complete(JSContext *context) {
  struct list_head *element;
  list_for_each(element, &context->rt->gc_obj_list) {
    JSGCObjectHeader *header = list_entry(element, JSGCObjectHeader, link);
    if (header->gc_obj_type != JS_GC_OBJ_TYPE_JS_OBJECT) continue;
    int found;
    do found = complete_one(context, (JSObject *)header);
    while (found > 0);
    if (found < 0) return -1;
  }
  return 0;
}

#ifdef PODWIRE_IMAGE

/* The image's objects, hidden from the garbage collector: they live for ever, and a visit would copy their pages. */
static struct list_head image_objects;

/* New atoms come after the image's: a free slot among those would count as an atom of the image. */
static void renew_free_atoms(JSRuntime *runtime) {
  uint32_t old = (uint32_t)runtime->atom_size, size = old + old / 2;
  JSAtomStruct **atoms = js_realloc_rt(runtime, runtime->atom_array, size * sizeof atoms[0]);
  if (atoms == NULL) abort();
  for (uint32_t at = old; at < size; at++) atoms[at] = atom_set_free(at + 1 < size ? at + 1 : 0);
  runtime->atom_array = atoms;
  runtime->atom_size = (int)size;
  runtime->atom_free_index = (int)old;
  podwire_image.atoms = old;
  if (runtime->atom_count + (int)(size - old) > runtime->atom_count_resize &&
      JS_ResizeAtomHash(runtime, runtime->atom_hash_size * 2) != 0)
    abort();
}

void engine_seal(JSContext *context) {
  JSRuntime *runtime = context->rt;
  JS_RunGC(runtime);
  renew_free_atoms(runtime);
  image_objects = runtime->gc_obj_list;
  image_objects.next->prev = image_objects.prev->next = &image_objects;
  init_list_head(&runtime->gc_obj_list);
  runtime->malloc_state = (JSMallocState){.malloc_limit = (size_t)-1};
  runtime->stack_top = runtime->stack_limit = 0;
  runtime->current_stack_frame = NULL;
  context->random_state = 1;
}

/* The threshold of the first garbage collection. A call ends before a collection pays off. */
#define FIRST_COLLECTION (16UL << 20)

void engine_start(JSContext *context, size_t stack, uint64_t seed) {
  JSRuntime *runtime = context->rt;
  runtime->malloc_gc_threshold = FIRST_COLLECTION;
  runtime->stack_size = stack;
  JS_UpdateStackTop(runtime);
  context->random_state = seed == 0 ? 1 : seed;
}

#endif
