/* crash.so: replaces Exim's plugin by one that crashes. */
#include <signal.h>
#include <stdlib.h>

__attribute__((visibility("default"))) int mtasts_policy(unsigned char **yield, int argc,
                                                         unsigned char **argv);

__attribute__((visibility("default"))) int mtasts_event(unsigned char **yield, int argc,
                                                        unsigned char **argv);

/* By the first letter of the domain: an abort, a segmentation fault, an answer that gets the
 * message as far as its delivery, or not a word. */
int mtasts_policy(unsigned char **yield, int argc, unsigned char **argv) {
  char first = argc > 0 ? (char)argv[0][0] : '\0';
  if (first == 'a')
    abort();
  if (first == 'g')
    raise(SIGSEGV);
  static unsigned char none[] = "mode=none";
  *yield = first == 't' ? none : NULL; /* NULL is an empty string, to Exim */
  return 0;
}

int mtasts_event(unsigned char **yield, int argc, unsigned char **argv) {
  (void)yield, (void)argc, (void)argv;
  abort();
}
