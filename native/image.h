/*
 * The heap image. At build time the program's modules are evaluated in a heap at a fixed address, and the heap goes into the
 * executable. A start has the modules' functions and data in memory without reading, compiling or evaluating anything: the
 * kernel maps that part of the file privately, copy on write, so two processes share no change.
 *
 * The pointers in the image are plain addresses, to itself and to functions and tables of the executable. That is why
 * the executable is not position-independent: with addresses drawn at each start, every page that holds a pointer would have to
 * be read, relocated and so copied (the price of a whole Go start). What an attacker would gain by known addresses, memory errors in C,
 * is kept out by bounds checks, a stack protector, RELRO, and by no memory being writable and executable.
 */
#ifndef PODWIRE_IMAGE_H
#define PODWIRE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef PODWIRE_IMAGE

/* Above the executable's own parts, below what the kernel places at random. scripts/engine/elf.ts knows all three numbers. */
#define HEAP_ADDRESS 0x10000000UL
/* What the image may have while it is made. */
#define HEAP_SIZE (32UL << 20)
/* What a process has behind the image before it asks the kernel for more: enough for nearly every call. */
#define HEAP_ROOM (2UL << 20)

struct image {
  /* Bytes, this structure included; 0 while the image is being made. A multiple of every page size. */
  size_t size;
  /* Atoms below this one belong to the image. */
  uint32_t atoms;
  void *context;
  /* The program's function, a JSValue. */
  uint64_t start[2];
};

/* At HEAP_ADDRESS, put there by the linker. */
extern struct image podwire_image;

static inline bool is_in_image(const void *pointer) {
  return (uintptr_t)pointer - HEAP_ADDRESS < podwire_image.size;
}

#define IMAGE_ATOMS (podwire_image.atoms)

#else

/* A build that evaluates at its start: for the sanitizers, and for tests of modules. */
static inline bool is_in_image(const void *pointer) {
  (void)pointer;
  return false;
}

#define IMAGE_ATOMS 0

#endif
#endif
