/*
 * The engine's memory: consecutive blocks from a fixed address, so that the whole can become the image.
 *
 * A process allocates new memory behind the image and never reuses a block of the image: a write there would copy a
 * page. Freed blocks go to a list for their size. A call lasts milliseconds, so adjacent free blocks are not joined.
 * Large blocks come from the kernel and go back to it.
 */
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

#include "heap.h"
#include "image.h"

#ifdef PODWIRE_IMAGE

/* Each block has its size before its payload. */
#define HEADER 8
#define GRAIN 16
/* Up to this size each multiple of GRAIN has a list; above, each doubling has four sizes. */
#define SMALL (64 * GRAIN - HEADER)
#define SMALL_LISTS 65
#define LARGE (128UL << 10)
#define LISTS (SMALL_LISTS + 4 * 8)
/* Memory behind the image is populated in steps: one call for many pages instead of a page fault for each. */
#define STEP (64UL << 10)
#define CHUNK (1UL << 20)
/* Reserved for the time after memory has run out: undo and the error need some. */
#define RESERVE (512UL << 10)
/* A multiple of every processor's page size. */
#define IMAGE_PAGE 65536UL

/* The linker places it at HEAP_ADDRESS; scripts/engine/elf.ts sets its segment's memory size. */
struct image podwire_image __attribute__((section(".podwire_image"), aligned(4096))) = {0};

static struct {
  uintptr_t next, end;
  /* Memory is populated up to here. */
  uintptr_t present;
  uintptr_t reserve;
  bool hasReserve;
  /* True while allocations go into the image: consecutive, without free blocks. */
  bool makesImage;
  void *lists[LISTS];
} heap;

static size_t *header_of(void *block) { return (size_t *)((uint8_t *)block - HEADER); }

/* Returns the rounded size, and the list for freed blocks of it. */
static size_t round_size(size_t size, unsigned *list) {
  if (size <= SMALL) {
    *list = (unsigned)((size + HEADER + GRAIN - 1) / GRAIN);
    return *list * GRAIN - HEADER;
  }
  if (size <= 1024) size = 1025;
  unsigned doubling = 63 - (unsigned)__builtin_clzl(size - 1);
  size_t quarter = 1UL << (doubling - 2);
  size_t steps = (size - 1) / quarter + 1;
  *list = SMALL_LISTS + (doubling - 10) * 4 + (unsigned)(steps - 5);
  return steps * quarter;
}

static void *map(size_t size) {
  void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? NULL : memory;
}

static void make_present(uintptr_t needed) {
  while (heap.present < needed && heap.present < heap.end) {
#ifdef MADV_POPULATE_WRITE
    /* Linux before 5.14 refuses: then each page faults at its first use. */
    madvise((void *)heap.present, STEP, MADV_POPULATE_WRITE);
#endif
    heap.present += STEP;
  }
}

static void use_region(uintptr_t begin, uintptr_t end) {
  heap.next = begin + GRAIN - HEADER;
  heap.present = begin;
  heap.end = end;
}

static void use_reserve(void) {
  heap.hasReserve = false;
  use_region(heap.reserve, heap.reserve + RESERVE);
}

static size_t whole_of(size_t size) { return (size + HEADER + GRAIN - 1) & ~(size_t)(GRAIN - 1); }

/*
 * Where large blocks were, while the image is made: a buffer that grows leaves one behind at each step. Later blocks fill them, since
 * what stays unused is a part of the file.
 */
#define MOST_HOLES 64
static struct {
  uintptr_t begin, end;
} holes[MOST_HOLES];

/* Adds a hole, joined to those beside it. If there is no room, the hole stays unused. */
static void add_hole(uintptr_t begin, uintptr_t end) {
  for (unsigned at = 0; at < MOST_HOLES; at++) {
    if (holes[at].end != begin && holes[at].begin != end) continue;
    if (holes[at].end == begin) begin = holes[at].begin;
    else end = holes[at].end;
    holes[at].begin = holes[at].end = 0;
  }
  for (unsigned at = 0; at < MOST_HOLES; at++) {
    if (holes[at].end != 0) continue;
    holes[at].begin = begin;
    holes[at].end = end;
    return;
  }
}

/* Returns the begin of room for a whole block, or 0. */
static uintptr_t take_from_hole(size_t whole) {
  for (unsigned at = 0; at < MOST_HOLES; at++) {
    if (holes[at].end - holes[at].begin < whole) continue;
    uintptr_t begin = holes[at].begin;
    holes[at].begin += whole;
    if (holes[at].begin == holes[at].end) holes[at].begin = holes[at].end = 0;
    return begin;
  }
  return 0;
}

static void *take(size_t size) {
  size_t whole = whole_of(size);
  uintptr_t hole = heap.makesImage ? take_from_hole(whole) : 0;
  if (hole != 0) return (void *)(hole + HEADER);
  if (heap.end - heap.next < whole) {
    void *chunk = whole < CHUNK && !heap.makesImage ? map(CHUNK) : NULL;
    if (chunk == NULL && heap.hasReserve) use_reserve();
    if (chunk == NULL) return NULL;
    use_region((uintptr_t)chunk, (uintptr_t)chunk + CHUNK);
  }
  uintptr_t block = heap.next + HEADER;
  heap.next += whole;
  if (!heap.makesImage && heap.next > heap.present) make_present(heap.next);
  return (void *)block;
}

static void *take_large(size_t size) {
  size_t whole = (size + GRAIN + 4095) & ~4095UL;
  uint8_t *memory = map(whole);
  if (memory == NULL) return NULL;
  *header_of(memory + GRAIN) = whole - GRAIN;
  return memory + GRAIN;
}

static void *allocate(size_t size) {
  if (size > LARGE && !heap.makesImage) return take_large(size);
  unsigned list;
  size = round_size(size, &list);
  void *block = list < LISTS ? heap.lists[list] : NULL;
  if (block != NULL) {
    heap.lists[list] = *(void **)block;
  } else {
    block = take(size);
    if (block == NULL) return NULL;
    *header_of(block) = size;
  }
  return block;
}

static void release(void *block) {
  size_t size = *header_of(block);
  if (size > LARGE) {
    if (!heap.makesImage) {
      munmap((uint8_t *)block - GRAIN, size + GRAIN);
      return;
    }
    memset(header_of(block), 0, whole_of(size));
    add_hole((uintptr_t)header_of(block), (uintptr_t)header_of(block) + whole_of(size));
    return;
  }
  unsigned list;
  round_size(size, &list);
  if (heap.makesImage) memset(block, 0, size);
  *(void **)block = heap.lists[list];
  heap.lists[list] = block;
}

static size_t usable_size(const void *block) { return block == NULL ? 0 : *header_of((void *)(uintptr_t)block); }

static void *heap_malloc(JSMallocState *state, size_t size) {
  if (size > SIZE_MAX / 4 || state->malloc_size + size > state->malloc_limit) return NULL;
  void *block = allocate(size == 0 ? 1 : size);
  if (block == NULL) return NULL;
  state->malloc_count++;
  state->malloc_size += usable_size(block) + HEADER;
  return block;
}

static void heap_free(JSMallocState *state, void *block) {
  if (block == NULL || is_in_image(block)) return;
  state->malloc_count--;
  state->malloc_size -= usable_size(block) + HEADER;
  release(block);
}

/* mremap(2) moves a large block without a copy. */
static void *move_large(JSMallocState *state, void *block, size_t size) {
  size_t old = usable_size(block);
  size_t whole = (size + GRAIN + 4095) & ~4095UL;
  uint8_t *memory = mremap((uint8_t *)block - GRAIN, old + GRAIN, whole, MREMAP_MAYMOVE);
  if (memory == MAP_FAILED) return NULL;
  *header_of(memory + GRAIN) = whole - GRAIN;
  state->malloc_size += whole - GRAIN - old;
  return memory + GRAIN;
}

static void *heap_realloc(JSMallocState *state, void *block, size_t size) {
  if (block == NULL) return size == 0 ? NULL : heap_malloc(state, size);
  if (size == 0) {
    heap_free(state, block);
    return NULL;
  }
  size_t old = usable_size(block);
  if (size <= old && size >= old / 2) return block;
  if (size > SIZE_MAX / 4 || state->malloc_size - old + size > state->malloc_limit) return NULL;
  if (!heap.makesImage && old > LARGE && size > LARGE && !is_in_image(block)) return move_large(state, block, size);
  void *moved = heap_malloc(state, size);
  if (moved == NULL) return NULL;
  memcpy(moved, block, old < size ? old : size);
  heap_free(state, block);
  return moved;
}

size_t heap_seal(void) {
  memset(heap.lists, 0, sizeof heap.lists);
  return ((heap.next + IMAGE_PAGE - 1) & ~(IMAGE_PAGE - 1)) - HEAP_ADDRESS;
}

void heap_start(bool makesImage) {
  heap.makesImage = makesImage;
  uintptr_t begin = HEAP_ADDRESS + podwire_image.size;
  if (podwire_image.size == 0) begin += (sizeof(struct image) + GRAIN - 1) & ~(uintptr_t)(GRAIN - 1);
  uintptr_t end = podwire_image.size == 0 ? HEAP_ADDRESS + HEAP_SIZE : begin + HEAP_ROOM;
  heap.reserve = end - RESERVE;
  heap.hasReserve = true;
  use_region(begin, heap.reserve);
}

#else

#include <malloc.h>
#include <stdlib.h>

/* The C library's functions, which the sanitizers check. */
static void *heap_malloc(JSMallocState *state, size_t size) {
  void *block = state->malloc_size + size > state->malloc_limit ? NULL : malloc(size);
  if (block != NULL) state->malloc_size += malloc_usable_size(block);
  return block;
}

static void heap_free(JSMallocState *state, void *block) {
  state->malloc_size -= malloc_usable_size(block);
  free(block);
}

static void *heap_realloc(JSMallocState *state, void *block, size_t size) {
  size_t old = malloc_usable_size(block);
  if (size == 0) {
    heap_free(state, block);
    return NULL;
  }
  if (state->malloc_size - old + size > state->malloc_limit) return NULL;
  void *moved = realloc(block, size);
  if (moved != NULL) state->malloc_size += malloc_usable_size(moved) - old;
  return moved;
}

static size_t usable_size(const void *block) { return malloc_usable_size((void *)(uintptr_t)block); }

#endif

const JSMallocFunctions heap_functions = {heap_malloc, heap_free, heap_realloc, usable_size};
