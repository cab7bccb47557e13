// A main() for programs that need none of their own: a program that links //mp:main defines
// mp_main() instead.

#include "mp/process.h"

int mp_main(int argc, char** argv);

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  return mp_main(argc, argv);
}
