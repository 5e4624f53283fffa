#ifndef PODWIRE_MAKE_IMAGE_H
#define PODWIRE_MAKE_IMAGE_H

/* `seed BYTECODE IMAGE`: evaluates a program and writes its heap to a file. Returns an exit code. */
int make_image(int count, char **arguments);

#endif
