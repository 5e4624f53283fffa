/*
 * _FORTIFY_SOURCE for musl, whose headers lack it. It checks copies into objects of a size that the compiler knows.
 * gcc -include puts it before everything else, in the engine and in our code.
 */
#ifndef PODWIRE_FORTIFY_H
#define PODWIRE_FORTIFY_H

#include <sched.h> /* musl declares memcpy and memset there again */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* If the size is unknown, gcc makes a plain call of these. */
#define memcpy(to, from, count) __builtin___memcpy_chk(to, from, count, __builtin_object_size(to, 0))
#define memmove(to, from, count) __builtin___memmove_chk(to, from, count, __builtin_object_size(to, 0))
#define memset(to, value, count) __builtin___memset_chk(to, value, count, __builtin_object_size(to, 0))
#define strcpy(to, from) __builtin___strcpy_chk(to, from, __builtin_object_size(to, 1))
#define strcat(to, from) __builtin___strcat_chk(to, from, __builtin_object_size(to, 1))
#define snprintf(to, size, ...) __builtin___snprintf_chk(to, size, 1, __builtin_object_size(to, 1), __VA_ARGS__)
#define vsnprintf(to, size, ...) __builtin___vsnprintf_chk(to, size, 1, __builtin_object_size(to, 1), __VA_ARGS__)

#endif
