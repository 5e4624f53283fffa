/*
 * Starts a process. In C, because the child runs in this process's memory (vfork) until exec, and may only make system
 * calls.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "natives.h"

#define STREAMS 3

struct child {
  const char *path;
  char **arguments, **environment;
  int streams[STREAMS];
  bool leads_group;
  pid_t parent;
  /* The pipe's end for the child's errno; exec closes it. */
  int report;
};

static void free_texts(JSContext *context, char **texts) {
  for (char **text = texts; text != NULL && *text != NULL; text++) JS_FreeCString(context, *text);
  js_free(context, texts);
}

/* Converts an array of strings to argv or envp; NULL and an exception for any other value. */
static char **read_texts(JSContext *context, JSValueConst array, bool *isValid) {
  uint32_t length;
  if (JS_IsArray(context, array) <= 0) {
    if (!JS_HasException(context)) JS_ThrowTypeError(context, "spawn needs arrays of texts");
    return NULL;
  }
  JSValue stated = JS_GetPropertyStr(context, array, "length");
  int failed = JS_ToUint32(context, &length, stated);
  JS_FreeValue(context, stated);
  if (failed != 0) return NULL;
  char **texts = js_mallocz(context, ((size_t)length + 1) * sizeof texts[0]);
  for (uint32_t at = 0; texts != NULL && at < length; at++) {
    JSValue value = JS_GetPropertyUint32(context, array, at);
    texts[at] = (char *)(uintptr_t)natives_text(context, value, isValid);
    JS_FreeValue(context, value);
    if (texts[at] != NULL) continue;
    free_texts(context, texts);
    return NULL;
  }
  return texts;
}

/* Moves all streams to other numbers first: a stream's descriptor may have another stream's number. */
static int place_streams(const int *streams) {
  int moved[STREAMS];
  for (int at = 0; at < STREAMS; at++) {
    moved[at] = fcntl(streams[at], F_DUPFD_CLOEXEC, STREAMS);
    if (moved[at] < 0) return -1;
  }
  for (int at = 0; at < STREAMS; at++)
    if (dup2(moved[at], at) < 0) return -1;
  return 0;
}

/* Kills the child with its parent: a child alone would change the kernel after the runtime has given up. */
static void run_child(struct child *child) {
  sigset_t none;
  sigemptyset(&none);
  signal(SIGPIPE, SIG_DFL);
  /* If standard streams are closed, the pipe may have one of their numbers. */
  child->report = fcntl(child->report, F_DUPFD_CLOEXEC, STREAMS);
  if (child->leads_group) setpgid(0, 0);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == child->parent && place_streams(child->streams) == 0 &&
      sigprocmask(SIG_SETMASK, &none, NULL) == 0)
    execve(child->path, child->arguments, child->environment);
  int failure = errno == 0 ? ESRCH : errno;
  ssize_t written = write(child->report, &failure, sizeof failure);
  _exit(written == sizeof failure ? 127 : 126);
}

/* wait4(2) removes the process of a failed start. */
static void reap(pid_t pid) {
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
}

/* The child's errno; 0 after a successful exec. The pipe also works where vfork(2) copies memory as fork(2) does. */
static int read_report(int descriptor) {
  int failure = 0;
  ssize_t count;
  do count = read(descriptor, &failure, sizeof failure);
  while (count < 0 && errno == EINTR);
  return count == sizeof failure ? failure : 0;
}

static pid_t start(struct child *child) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
  child->report = ends[1];
  child->parent = getpid();
  errno = 0;
  pid_t pid = vfork();
  if (pid == 0) run_child(child);
  int failure = pid < 0 ? errno : 0;
  close(ends[1]);
  if (pid > 0) failure = read_report(ends[0]);
  close(ends[0]);
  if (pid > 0 && failure != 0) reap(pid);
  return failure == 0 ? pid : -failure;
}

static bool read_child(JSContext *context, struct child *child, JSValueConst *values, bool *isValid) {
  child->path = natives_text(context, values[0], isValid);
  child->arguments = child->path == NULL ? NULL : read_texts(context, values[1], isValid);
  child->environment = child->arguments == NULL ? NULL : read_texts(context, values[2], isValid);
  if (child->environment == NULL) return false;
  for (int at = 0; at < STREAMS; at++) {
    int64_t stream;
    if (!natives_integer(context, values[3 + at], INT32_MIN, INT32_MAX, &stream)) return false;
    child->streams[at] = (int)stream;
  }
  child->leads_group = JS_ToBool(context, values[3 + STREAMS]) > 0;
  return true;
}

static JSValue spawn(JSContext *context, JSValueConst self, int count, JSValueConst *values) {
  (void)self;
  (void)count;
  if (!natives_are_allowed(context, "spawn")) return JS_EXCEPTION;
  struct child child = {0};
  JSValue result = JS_EXCEPTION;
  bool isValid = true;
  if (read_child(context, &child, values, &isValid)) result = JS_NewInt32(context, isValid ? start(&child) : -EINVAL);
  free_texts(context, child.environment);
  free_texts(context, child.arguments);
  JS_FreeCString(context, child.path);
  return result;
}

void spawn_define(JSContext *context, JSValueConst target) {
  JS_SetPropertyStr(context, target, "spawn", JS_NewCFunction(context, spawn, "spawn", 7));
}
