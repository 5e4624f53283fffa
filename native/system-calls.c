/*
 * System calls on numbers, texts and typed arrays, which JavaScript cannot make.
 *
 * A table describes each argument, so that the kernel gets no address and no length from the program: a buffer's
 * length is its array's, and a structure's array must be large enough.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine.h"
#include "natives.h"

struct system_call {
  const char *name;
  long number;
  /*
   * i  an integer of 32 bits, with or without a sign
   * l  an integer: a place in a file
   * c  a command of fcntl(2) that takes an integer
   * s  a text: the address of its UTF-8 form with a NUL
   * b  an array: its address and its length in bytes, two arguments
   * p  an array that holds a structure of `size` bytes or more: its address
   * q  the same, or null
   * u  an array that holds a struct rusage, or null
   * f  an array of struct pollfd: its address and the number of elements
   * g  an array of struct sock_filter: the address and the size of a struct sock_fprog that leads to it
   * m  no argument of the function: the size of the kernel's signal sets
   * t  no argument of the function: TCGETS
   * z  no argument of the function: 0
   * o  no argument of the function: SOL_SOCKET
   * a  no argument of the function: SO_ATTACH_FILTER
   * I  no argument of the function: TUNSETIFF
   * P  no argument of the function: TUNSETPERSIST
   * O  no argument of the function: TUNSETOWNER
   * G  no argument of the function: TUNSETGROUP
   */
  const char *shape;
  size_t size;
};

/* struct timespec and others have the same size on all 64-bit processors. */
static const struct system_call calls[] = {
    {"accept4", SYS_accept4, "izzi", 0},
    {"attach_filter", SYS_setsockopt, "ioag", 0},
    {"bind", SYS_bind, "ib", 0},
    {"clock_gettime", SYS_clock_gettime, "ip", 16},
    {"close", SYS_close, "i", 0},
    {"connect", SYS_connect, "ib", 0},
    {"faccessat", SYS_faccessat, "isi", 0},
    {"fchmod", SYS_fchmod, "ii", 0},
    {"fchmodat", SYS_fchmodat, "isi", 0},
    {"fchownat", SYS_fchownat, "isiii", 0},
    {"fcntl", SYS_fcntl, "ici", 0},
    {"flock", SYS_flock, "ii", 0},
    {"fstatfs", SYS_fstatfs, "ip", 120},
    {"fsync", SYS_fsync, "i", 0},
    {"ftruncate", SYS_ftruncate, "il", 0},
    {"getcwd", SYS_getcwd, "b", 0},
    {"getdents64", SYS_getdents64, "ib", 0},
    {"geteuid", SYS_geteuid, "", 0},
    {"getpid", SYS_getpid, "", 0},
    {"getppid", SYS_getppid, "", 0},
    {"getrandom", SYS_getrandom, "bi", 0},
    {"getrusage", SYS_getrusage, "ip", 144},
    {"kill", SYS_kill, "ii", 0},
    {"linkat", SYS_linkat, "isisi", 0},
    {"listen", SYS_listen, "ii", 0},
    {"lseek", SYS_lseek, "ili", 0},
    {"memfd_create", SYS_memfd_create, "si", 0},
    {"mkdirat", SYS_mkdirat, "isi", 0},
    {"openat", SYS_openat, "isii", 0},
    {"pidfd_open", SYS_pidfd_open, "ii", 0},
    {"pidfd_send_signal", SYS_pidfd_send_signal, "iizz", 0},
    {"pipe2", SYS_pipe2, "pi", 8},
    {"ppoll", SYS_ppoll, "fqzm", 16},
    {"pread64", SYS_pread64, "ibl", 0},
    {"read", SYS_read, "ib", 0},
    {"readlinkat", SYS_readlinkat, "isb", 0},
    {"recvfrom", SYS_recvfrom, "ibi", 0},
    {"renameat2", SYS_renameat2, "isisi", 0},
    {"rt_sigprocmask", SYS_rt_sigprocmask, "ipqm", 8},
    {"sendto", SYS_sendto, "ibi", 0},
    {"setns", SYS_setns, "ii", 0},
    {"setsockopt", SYS_setsockopt, "iiib", 0},
    {"signalfd4", SYS_signalfd4, "ipmi", 8},
    {"socket", SYS_socket, "iii", 0},
    {"statx", SYS_statx, "isiip", 256},
    {"symlinkat", SYS_symlinkat, "sis", 0},
    {"tcgets", SYS_ioctl, "itp", 36},
    {"tunsetgroup", SYS_ioctl, "iGi", 0},
    {"tunsetiff", SYS_ioctl, "iIp", 40},
    {"tunsetowner", SYS_ioctl, "iOi", 0},
    {"tunsetpersist", SYS_ioctl, "iPi", 0},
    {"unlinkat", SYS_unlinkat, "isi", 0},
    {"utimensat", SYS_utimensat, "ispi", 32},
    {"wait4", SYS_wait4, "ipiu", 4},
    {"write", SYS_write, "ib", 0},
};

#define KERNEL_SIGNAL_SET 8
/* The kernel's size on 64-bit processors; the C library's structure is larger. */
#define KERNEL_RUSAGE 144
#define ARGUMENTS 6
/* The largest integer up to which all integers are exact. */
#define MAX_SAFE_INTEGER ((1LL << 53) - 1)
/* The path, and the new path of link and rename. */
#define TEXTS 2

struct arguments {
  long values[ARGUMENTS];
  unsigned count;
  const char *texts[TEXTS];
  unsigned text_count;
  struct sock_fprog filter;
};

/* The commands of fcntl(2) that take a number; the others take an address. */
static bool takes_number(int64_t command) {
  return (command >= F_DUPFD && command <= F_SETFL) || (command >= F_DUPFD_CLOEXEC && command <= F_GET_SEALS);
}

/* The kernel would cut a number that is too large: all but file offsets have 32 bits. */
static bool add_integer(JSContext *context, struct arguments *arguments, JSValueConst value, char kind) {
  int64_t number, least = kind == 'l' ? -MAX_SAFE_INTEGER : INT32_MIN, most = kind == 'l' ? MAX_SAFE_INTEGER : UINT32_MAX;
  if (!natives_integer(context, value, least, most, &number)) return false;
  if (kind == 'c' && !takes_number(number)) {
    JS_ThrowRangeError(context, "fcntl(2) takes no number with the command %d", (int)number);
    return false;
  }
  arguments->values[arguments->count++] = (long)number;
  return true;
}

static bool add_text(JSContext *context, struct arguments *arguments, JSValueConst value, bool *isValid) {
  const char *text = natives_text(context, value, isValid);
  if (text == NULL) return false;
  arguments->texts[arguments->text_count++] = text;
  arguments->values[arguments->count++] = (long)text;
  return true;
}

static bool add_bytes(JSContext *context, struct arguments *arguments, JSValueConst value, char kind, size_t least) {
  uint8_t *data = NULL;
  size_t size = 0;
  if ((kind == 'q' || kind == 'u') && JS_IsNull(value)) {
    arguments->values[arguments->count++] = 0;
    return true;
  }
  if (!engine_bytes(value, &data, &size)) {
    JS_ThrowTypeError(context, "a system call needs a typed array");
    return false;
  }
  bool isStructure = kind == 'p' || kind == 'q' || kind == 'u';
  if (isStructure && size < least) {
    JS_ThrowRangeError(context, "a system call needs %d bytes, the array has %d", (int)least, (int)size);
    return false;
  }
  arguments->values[arguments->count++] = (long)data;
  if (!isStructure) arguments->values[arguments->count++] = (long)(kind == 'f' ? size / sizeof(struct pollfd) : size);
  return true;
}

/* The kernel checks the instructions, 4096 at most. */
static bool add_filter(JSContext *context, struct arguments *arguments, JSValueConst value) {
  uint8_t *data = NULL;
  size_t size = 0;
  if (!engine_bytes(value, &data, &size)) {
    JS_ThrowTypeError(context, "a system call needs a typed array");
    return false;
  }
  if (size % sizeof(struct sock_filter) != 0 || size / sizeof(struct sock_filter) > BPF_MAXINSNS) {
    JS_ThrowRangeError(context, "a filter has at most %d instructions of 8 bytes, the array has %d bytes", BPF_MAXINSNS, (int)size);
    return false;
  }
  arguments->filter.len = (unsigned short)(size / sizeof(struct sock_filter));
  arguments->filter.filter = (struct sock_filter *)data;
  arguments->values[arguments->count++] = (long)&arguments->filter;
  arguments->values[arguments->count++] = sizeof arguments->filter;
  return true;
}

static bool add(JSContext *context, struct arguments *arguments, const struct system_call *call, char kind, JSValueConst value,
                bool *isValid) {
  if (kind == 'i' || kind == 'l' || kind == 'c') return add_integer(context, arguments, value, kind);
  if (kind == 's') return add_text(context, arguments, value, isValid);
  if (kind == 'g') return add_filter(context, arguments, value);
  return add_bytes(context, arguments, value, kind, kind == 'u' ? KERNEL_RUSAGE : call->size);
}

static bool is_constant(char kind) { return strchr("zmtoaIPOG", kind) != NULL; }

static long constant(char kind) {
  switch (kind) {
    case 't': return TCGETS;
    case 'o': return SOL_SOCKET;
    case 'a': return SO_ATTACH_FILTER;
    case 'm': return KERNEL_SIGNAL_SET;
    case 'I': return TUNSETIFF;
    case 'P': return TUNSETPERSIST;
    case 'O': return TUNSETOWNER;
    case 'G': return TUNSETGROUP;
    default: return 0;
  }
}

static bool read_arguments(JSContext *context, struct arguments *arguments, const struct system_call *call, int count,
                           JSValueConst *values, bool *isValid) {
  int next = 0;
  for (const char *kind = call->shape; *kind != 0; kind++) {
    if (is_constant(*kind)) {
      arguments->values[arguments->count++] = constant(*kind);
      continue;
    }
    JSValueConst value = next < count ? values[next] : JS_UNDEFINED;
    next++;
    if (!add(context, arguments, call, *kind, value, isValid)) return false;
  }
  return true;
}

/* A file system that answers EINTR each time, such as FUSE without its server, must not hold a call for ever. */
#define INTERRUPTIONS 1000

static long make(const struct system_call *call, const long *values) {
  long returned;
  unsigned interruptions = 0;
  do returned = syscall(call->number, values[0], values[1], values[2], values[3], values[4], values[5]);
  while (returned == -1 && errno == EINTR && ++interruptions < INTERRUPTIONS);
  return returned == -1 ? -errno : returned;
}

static JSValue system_call(JSContext *context, JSValueConst self, int count, JSValueConst *values, int index) {
  (void)self;
  const struct system_call *call = &calls[index];
  if (!natives_are_allowed(context, call->name)) return JS_EXCEPTION;
  struct arguments arguments = {0};
  bool isValid = true;
  bool isRead = read_arguments(context, &arguments, call, count, values, &isValid);
  long returned = -EINVAL;
  if (isRead && isValid) returned = make(call, arguments.values);
  for (unsigned at = 0; at < arguments.text_count; at++) JS_FreeCString(context, arguments.texts[at]);
  return isRead ? JS_NewInt64(context, returned) : JS_EXCEPTION;
}

/* getsockopt(2) writes what fits into the array. Returns the size it wrote. */
static JSValue socket_option(JSContext *context, JSValueConst self, int count, JSValueConst *values) {
  (void)self;
  if (!natives_are_allowed(context, "getsockopt")) return JS_EXCEPTION;
  struct arguments arguments = {0};
  for (int at = 0; at < 3; at++)
    if (!add_integer(context, &arguments, at < count ? values[at] : JS_UNDEFINED, 'i')) return JS_EXCEPTION;
  if (!add_bytes(context, &arguments, count > 3 ? values[3] : JS_UNDEFINED, 'b', 0)) return JS_EXCEPTION;
  unsigned length = (unsigned)arguments.values[4];
  arguments.values[4] = (long)&length;
  const struct system_call call = {"getsockopt", SYS_getsockopt, "", 0};
  long returned = make(&call, arguments.values);
  return JS_NewInt64(context, returned < 0 ? returned : (long)length);
}

void system_calls_define(JSContext *context, JSValueConst target) {
  for (unsigned at = 0; at < sizeof calls / sizeof calls[0]; at++) {
    JSValue function = JS_NewCFunctionMagic(context, system_call, calls[at].name, 0, JS_CFUNC_generic_magic, (int)at);
    JS_SetPropertyStr(context, target, calls[at].name, function);
  }
  JS_SetPropertyStr(context, target, "getsockopt", JS_NewCFunction(context, socket_option, "getsockopt", 4));
}
