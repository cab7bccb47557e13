// "Importable target functions" of PyMOTW: the function that runs in the processes lies in a library, here a shared one.

#include "examples/process/import_worker.h"
#include "mp/mp.h"

int main(int argc, char** argv) {
  mp::freeze_support(argc, argv);
  for (const char* method : {"fork", "spawn", "forkserver"}) {
    mp::Process({.context = mp::get_context(method)}, worker).start();
  }
}
