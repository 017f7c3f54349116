/*
 * The process that holds a pod's namespaces: reaps what is left to it as pid 1, and ends with 0 on TERM or INT. No libc: two
 * system calls a turn, every signal blocked and waited for, so that none is missed. Built by build/pause/build.sh; does not do anything else.
 */
enum { SIGNAL_INT = 2, SIGNAL_TERM = 15, SIGNAL_CHILD = 17, WAIT_NO_HANG = 1, SIGNAL_BLOCK = 0 };

#if defined(__x86_64__)
enum { SYS_SIGPROCMASK = 14, SYS_SIGTIMEDWAIT = 128, SYS_WAIT4 = 61, SYS_EXIT = 60 };
static long call(long number, long a, long b, long c, long d) {
  long result;
  register long fourth __asm__("r10") = d;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth) : "rcx", "r11", "memory");
  return result;
}
#elif defined(__aarch64__)
enum { SYS_SIGPROCMASK = 135, SYS_SIGTIMEDWAIT = 137, SYS_WAIT4 = 260, SYS_EXIT = 93 };
static long call(long number, long a, long b, long c, long d) {
  register long nr __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(nr), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}
#else
#error "no system calls known for this architecture"
#endif

void _start(void) {
  unsigned long all = ~0UL;
  call(SYS_SIGPROCMASK, SIGNAL_BLOCK, (long)&all, 0, sizeof all);
  for (;;) {
    long signal = call(SYS_SIGTIMEDWAIT, (long)&all, 0, 0, sizeof all);
    if (signal == SIGNAL_TERM || signal == SIGNAL_INT) call(SYS_EXIT, 0, 0, 0, 0);
    if (signal == SIGNAL_CHILD) {
      while (call(SYS_WAIT4, -1, 0, WAIT_NO_HANG, 0) > 0) {
      }
    }
  }
}
