/* The checks at run time, for sizes that fortify.h cannot check at compile time. */
#include <stdlib.h>

#include "fortify.h"

#undef memcpy
#undef memmove
#undef memset
#undef strcpy
#undef strcat
#undef snprintf
#undef vsnprintf

static void check(size_t needed, size_t size) {
  if (needed > size) abort();
}

void *__memcpy_chk(void *to, const void *from, size_t count, size_t size);
void *__memcpy_chk(void *to, const void *from, size_t count, size_t size) {
  check(count, size);
  return memcpy(to, from, count);
}

void *__memmove_chk(void *to, const void *from, size_t count, size_t size);
void *__memmove_chk(void *to, const void *from, size_t count, size_t size) {
  check(count, size);
  return memmove(to, from, count);
}

void *__memset_chk(void *to, int value, size_t count, size_t size);
void *__memset_chk(void *to, int value, size_t count, size_t size) {
  check(count, size);
  return memset(to, value, count);
}

char *__strcpy_chk(char *to, const char *from, size_t size);
char *__strcpy_chk(char *to, const char *from, size_t size) {
  check(strlen(from) + 1, size);
  return strcpy(to, from);
}

char *__strcat_chk(char *to, const char *from, size_t size);
char *__strcat_chk(char *to, const char *from, size_t size) {
  check(strlen(to) + strlen(from) + 1, size);
  return strcat(to, from);
}

int __snprintf_chk(char *to, size_t count, int flag, size_t size, const char *format, ...);
int __snprintf_chk(char *to, size_t count, int flag, size_t size, const char *format, ...) {
  (void)flag;
  check(count, size);
  va_list values;
  va_start(values, format);
  int length = vsnprintf(to, count, format, values);
  va_end(values);
  return length;
}

int __vsnprintf_chk(char *to, size_t count, int flag, size_t size, const char *format, va_list values);
int __vsnprintf_chk(char *to, size_t count, int flag, size_t size, const char *format, va_list values) {
  (void)flag;
  check(count, size);
  return vsnprintf(to, count, format, values);
}
