// mp/forkserver_preload.h
//
// set_forkserver_preload: what a fork server does before it forks, so that its children need not.
// Python: multiprocessing.set_forkserver_preload.
//
//   void load_tables();
//
//   int main(int argc, char** argv) {
//     mp::freeze_support(argc, argv);
//     mp::set_forkserver_preload({load_tables});
//     mp::Process p(use_tables);                    // finds them loaded
//
// Handles   The functions, and what they hold, are kept until others are set.
// Safety    Any thread.
// Ordering  What they did is visible to each child. Text they print is written once.
// Blocking  The first start() by forkserver takes as long as they do.
// Cost      Nothing for the start of a child.
// Death     Of the server: the next one runs them again. mp::exit() in one ends the server, and
//           start() throws mp::RuntimeError.
// Crossing  Each is an mp::Function: no captures. They run in another process: what they set there is
//           seen by children of forkserver alone.
// Python    Functions instead of names of modules. A function that throws is told on stderr and the
//           others run (Python: on_error="ignore"). Has an effect on a server that is not yet
//           started, as there. A thread that one leaves running does not exist in the children.

#ifndef MP_FORKSERVER_PRELOAD_H_
#define MP_FORKSERVER_PRELOAD_H_

#include <string_view>
#include <vector>

#include "mp/function.h"

namespace mp {

// `on_error`, of a function that throws: "ignore", "warn" on stderr, or "fail": no process is started,
// start() throws mp::RuntimeError. Throws mp::ValueError for another word.
void set_forkserver_preload(std::vector<Function<void()>> functions,
                            std::string_view on_error = "warn");

}  // namespace mp

#endif  // MP_FORKSERVER_PRELOAD_H_
