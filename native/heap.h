#ifndef PODWIRE_HEAP_H
#define PODWIRE_HEAP_H

#include <stdbool.h>

#include "quickjs.h"

/* The engine's memory. */
extern const JSMallocFunctions heap_functions;

#ifdef PODWIRE_IMAGE
/* Ends the image: later allocations belong to a process. Returns the image's size in bytes. */
size_t heap_seal(void);
/* The first step of each process. */
void heap_start(bool makesImage);
#endif

#endif
