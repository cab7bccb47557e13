// mp/progress_bar.h
//
// ProgressBar: a line in the terminal that says how far a map has come.
//
//   pool.map_async({.progress = mp::ProgressBar("frames")}, render, frames).get();
//
//   frames:  43% [#################                       ] 430/1000 00:02<00:03
//
// It writes to stderr if that is a terminal, and nothing if it is not.
//
// Handles   Copies are handles to the same line. The last one's end leaves the cursor below it.
// Safety    Any thread.
// Ordering  None.
// Blocking  As long as the terminal takes. It starts no thread.
// Cost      At most twenty lines in a second; without a terminal a load.
// Death     A line that stays.
// Crossing  Not.
// Python    New: what others use tqdm for.

#ifndef MP_PROGRESS_BAR_H_
#define MP_PROGRESS_BAR_H_

#include <cstdint>
#include <memory>
#include <string>

namespace mp {

class ProgressBar {
 public:
  // `fd`: where it is shown.
  explicit ProgressBar(std::string description = "", int fd = 2);

  // `done` of `total` are done: what `.progress` of a call is given. Any unit will do. A total of 0 with some done: nobody
  // knows it yet; 0 of 0 is the end.
  void operator()(uint64_t done, uint64_t total) const;

 private:
  struct Line;
  std::shared_ptr<Line> line_;
};

}  // namespace mp

#endif  // MP_PROGRESS_BAR_H_
