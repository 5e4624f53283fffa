/* The executable. Each process makes one call. */
#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "engine.h"
#include "heap.h"
#include "image.h"
#include "make-image.h"
#include "program.h"

/* The engine checks its own stack depth; its C functions and the C library need the rest. */
#define STACK_RESERVE (48UL << 10)
#define STACK_LIMIT (4UL << 20)

static size_t stack_for_program(void) {
  struct rlimit limit;
  size_t size = STACK_LIMIT;
  if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && limit.rlim_cur < size) size = limit.rlim_cur;
  /* Arguments and environment lie on the stack, too: the kernel allows them a quarter of it (execve(2)). */
  size -= size / 4;
  return size > 2 * STACK_RESERVE ? size - STACK_RESERVE : size / 2;
}

/*
 * The seed of Math.random, which makes no secrets: 16 random bytes that the kernel gives to each process
 * (getauxval(3)).
 */
static uint64_t seed_of_process(void) {
  uint64_t seed = 0;
  const void *bytes = (const void *)getauxval(AT_RANDOM);
  if (bytes != NULL) memcpy(&seed, bytes, sizeof seed);
  return seed;
}

/*
 * RELRO: makes the linker's read-only data read-only at run time. In musl its dynamic loader does this, and a static
 * executable has none.
 */
static void protect_constants(void) {
  const Elf64_Phdr *header = (const Elf64_Phdr *)getauxval(AT_PHDR);
  uintptr_t page = getauxval(AT_PAGESZ);
  for (unsigned long left = getauxval(AT_PHNUM); left > 0; left--, header++) {
    if (header->p_type != PT_GNU_RELRO) continue;
    uintptr_t begin = header->p_vaddr & ~(page - 1), end = (header->p_vaddr + header->p_memsz) & ~(page - 1);
    if (end > begin) mprotect((void *)begin, end - begin, PROT_READ);
  }
}

int main(int count, char **arguments, char **environment) {
  if (podwire_image.size == 0) return make_image(count, arguments);
  protect_constants();
  heap_start(false);
  engine_start(podwire_image.context, stack_for_program(), seed_of_process());
  JSValue start;
  memcpy(&start, podwire_image.start, sizeof start);
  /* Ends at once: freeing memory before the end would only take time. */
  _Exit(program_run(podwire_image.context, start, count, arguments, environment));
}
