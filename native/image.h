/*
 * The heap image. The build evaluates the program's modules in a heap at a fixed address, and puts the heap into the
 * executable. At a start the modules' functions and data are in memory without reading, compiling or evaluating: the
 * kernel maps that part of the file privately, copy on write, so processes share no change.
 *
 * Pointers in the image are plain addresses, to the image itself and to functions and tables of the executable. So the
 * executable is not position-independent: with random addresses, each page with a pointer would have to be read,
 * relocated and so copied, which costs as much as a whole start of a Go program. Known addresses help an attacker only
 * together with memory errors in C. Against those stand bounds checks, a stack protector, RELRO, and that no memory is
 * both writable and executable.
 */
#ifndef PODWIRE_IMAGE_H
#define PODWIRE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef PODWIRE_IMAGE

/*
 * Above the executable's own segments, below the kernel's random mappings. scripts/engine/elf.ts has the same three
 * numbers.
 */
#define HEAP_ADDRESS 0x10000000UL
/* The heap's limit while the image is made. */
#define HEAP_SIZE (32UL << 20)
/* The memory behind the image before a process asks the kernel for more: enough for nearly every call. */
#define HEAP_ROOM (2UL << 20)

struct image {
  /* Bytes, this structure included; 0 while the image is made. A multiple of every page size. */
  size_t size;
  /* Atoms below this number belong to the image. */
  uint32_t atoms;
  void *context;
  /* The program's function, as a JSValue. */
  uint64_t start[2];
};

/* The linker places it at HEAP_ADDRESS. */
extern struct image podwire_image;

static inline bool is_in_image(const void *pointer) {
  return (uintptr_t)pointer - HEAP_ADDRESS < podwire_image.size;
}

#define IMAGE_ATOMS (podwire_image.atoms)

#else

/* False in the build without an image. */
static inline bool is_in_image(const void *pointer) {
  (void)pointer;
  return false;
}

#define IMAGE_ATOMS 0

#endif
#endif
