/* The bytecode that a build without an image evaluates: the file EMBEDDED, or nothing. */
  .section .rodata
  .globl embedded_start, embedded_end
embedded_start:
#ifdef EMBEDDED
  .incbin EMBEDDED
#endif
embedded_end:
  .section .note.GNU-stack, "", %progbits
