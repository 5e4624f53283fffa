/*
 * UTF-8 encoding and decoding, like TextEncoder and TextDecoder. In C, because every configuration, file and netlink
 * name passes here: JavaScript takes 50 ns a character.
 */
#include <string.h>

#include "engine.h"
#include "natives.h"

static const uint8_t REPLACEMENT[3] = {0xEF, 0xBF, 0xBD};

/*
 * The engine writes a lone surrogate as the bytes ED A0..BF xx, which is invalid UTF-8. U+FFFD has three bytes, too.
 */
static void replace_surrogates(uint8_t *bytes, size_t size) {
  for (size_t at = 0; at + 2 < size; at++)
    if (bytes[at] == 0xED && bytes[at + 1] >= 0xA0) memcpy(bytes + at, REPLACEMENT, sizeof REPLACEMENT);
}

static JSValue new_bytes(JSContext *context, const uint8_t *bytes, size_t size) {
  JSValue buffer = JS_NewArrayBufferCopy(context, bytes, size);
  if (JS_IsException(buffer)) return buffer;
  JSValueConst arguments[3] = {buffer, JS_UNDEFINED, JS_UNDEFINED};
  JSValue array = JS_NewTypedArray(context, 3, arguments, JS_TYPED_ARRAY_UINT8);
  JS_FreeValue(context, buffer);
  return array;
}

static JSValue encode(JSContext *context, JSValueConst self, int count, JSValueConst *values) {
  (void)self;
  (void)count;
  size_t size;
  if (!JS_IsString(values[0])) return JS_ThrowTypeError(context, "encode needs a text");
  const char *text = JS_ToCStringLen(context, &size, values[0]);
  if (text == NULL) return JS_EXCEPTION;
  JSValue array = new_bytes(context, (const uint8_t *)text, size);
  JS_FreeCString(context, text);
  uint8_t *data;
  if (engine_bytes(array, &data, &size)) replace_surrogates(data, size);
  return array;
}

static bool is_ascii(const uint8_t *bytes, size_t size) {
  for (size_t at = 0; at < size; at++)
    if (bytes[at] >= 0x80) return false;
  return true;
}

struct lead {
  unsigned length;
  uint8_t least, most;
};

/*
 * The range of bytes that may follow a first byte (The Unicode Standard, table 3-7); length 0 for an invalid first
 * byte.
 */
static struct lead lead_of(uint8_t byte) {
  if (byte >= 0xC2 && byte <= 0xDF) return (struct lead){2, 0x80, 0xBF};
  if (byte == 0xE0) return (struct lead){3, 0xA0, 0xBF};
  if (byte == 0xED) return (struct lead){3, 0x80, 0x9F};
  if (byte >= 0xE1 && byte <= 0xEF) return (struct lead){3, 0x80, 0xBF};
  if (byte == 0xF0) return (struct lead){4, 0x90, 0xBF};
  if (byte >= 0xF1 && byte <= 0xF3) return (struct lead){4, 0x80, 0xBF};
  if (byte == 0xF4) return (struct lead){4, 0x80, 0x8F};
  return (struct lead){0, 0, 0};
}

/* The length of the first sequence, and whether it is a valid character. */
static size_t sequence(const uint8_t *bytes, size_t size, bool *isValid) {
  *isValid = true;
  if (bytes[0] < 0x80) return 1;
  struct lead lead = lead_of(bytes[0]);
  size_t length = 1;
  while (length < lead.length && length < size && bytes[length] >= lead.least && bytes[length] <= lead.most) {
    length++;
    lead.least = 0x80;
    lead.most = 0xBF;
  }
  *isValid = length == lead.length;
  return length;
}

/*
 * Replaces each maximal part of an invalid sequence by U+FFFD (WHATWG Encoding). `to` has room for three times the
 * size.
 */
static size_t repair(uint8_t *to, const uint8_t *bytes, size_t size) {
  size_t length = 0;
  for (size_t at = 0; at < size;) {
    bool isValid;
    size_t part = sequence(bytes + at, size - at, &isValid);
    const uint8_t *from = isValid ? bytes + at : REPLACEMENT;
    size_t copied = isValid ? part : sizeof REPLACEMENT;
    memcpy(to + length, from, copied);
    length += copied;
    at += part;
  }
  return length;
}

static JSValue decode(JSContext *context, JSValueConst self, int count, JSValueConst *values) {
  (void)self;
  (void)count;
  uint8_t *bytes;
  size_t size;
  if (!engine_bytes(values[0], &bytes, &size)) return JS_ThrowTypeError(context, "decode needs a typed array");
  if (size >= 3 && bytes[0] == 0xEF && bytes[1] == 0xBB && bytes[2] == 0xBF) {
    bytes += 3;
    size -= 3;
  }
  if (size == 0) return JS_NewStringLen(context, "", 0);
  if (is_ascii(bytes, size)) return JS_NewStringLen(context, (const char *)bytes, size);
  uint8_t *repaired = js_malloc(context, 3 * size);
  if (repaired == NULL) return JS_EXCEPTION;
  size_t length = repair(repaired, bytes, size);
  JSValue text = JS_NewStringLen(context, (const char *)repaired, length);
  js_free(context, repaired);
  return text;
}

static JSValue latin1(JSContext *context, JSValueConst self, int count, JSValueConst *values) {
  (void)self;
  (void)count;
  uint8_t *bytes;
  size_t size;
  if (!engine_bytes(values[0], &bytes, &size)) return JS_ThrowTypeError(context, "latin1 needs a typed array");
  return engine_latin1(context, bytes, size);
}

/* The first position of bytes in others, or -1. It searches our comments in kernel tables of 100 KB. */
static JSValue find(JSContext *context, JSValueConst self, int count, JSValueConst *values) {
  (void)self;
  (void)count;
  uint8_t *bytes, *wanted;
  size_t size, length;
  int64_t from;
  if (!engine_bytes(values[0], &bytes, &size) || !engine_bytes(values[1], &wanted, &length))
    return JS_ThrowTypeError(context, "find needs two typed arrays");
  if (!natives_integer(context, values[2], 0, (int64_t)size, &from)) return JS_EXCEPTION;
  const uint8_t *found = memmem(bytes + from, size - (size_t)from, wanted, length);
  return JS_NewInt64(context, found == NULL ? -1 : found - bytes);
}

void text_define(JSContext *context, JSValueConst target) {
  JS_SetPropertyStr(context, target, "encode", JS_NewCFunction(context, encode, "encode", 1));
  JS_SetPropertyStr(context, target, "decode", JS_NewCFunction(context, decode, "decode", 1));
  JS_SetPropertyStr(context, target, "latin1", JS_NewCFunction(context, latin1, "latin1", 1));
  JS_SetPropertyStr(context, target, "find", JS_NewCFunction(context, find, "find", 3));
}
