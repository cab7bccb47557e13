// mp/call_options.h
//
// CallOptions, ApplyOptions, MapOptions, IMapOptions: how a call of a Pool or a ThreadPool is to be done.
//
//   pool.apply({.timeout = 2.0, .retries = 1}, f, x);
//   pool.apply_async({.callback = print, .retries = 1}, f, x);
//   pool.map_async({.chunksize = 10, .progress = mp::ProgressBar("frames")}, render, frames);
//   pool.imap({.chunksize = 10, .buffersize = 4}, render, frames);

#ifndef MP_CALL_OPTIONS_H_
#define MP_CALL_OPTIONS_H_

#include <cstdint>
#include <exception>
#include <functional>
#include <optional>

#include "mp/timeout.h"

namespace mp {

// How one call is to be done. R: what its AsyncResult gives.
template <class R>
struct CallOptions {
  // Called with the result, or with the error, in the pool's thread, before get() and ready() know of it. What it throws is
  // logged.
  std::function<void(const R&)> callback = {};
  std::function<void(std::exception_ptr)> error_callback = {};
  // Of a map: items per task; none: a quarter of each worker's share.
  std::optional<int64_t> chunksize = {};
  // Of a map: called now and then, in the pool's thread, with how many of its tasks are done, and of how many. An
  // mp::ProgressBar can be it.
  std::function<void(uint64_t done, uint64_t total)> progress = {};
  // How long one task may run. Its worker is killed and replaced then, and the call fails with mp::TimeoutError. A ThreadPool
  // refuses it, and retries: mp::ValueError; so is one of 0 or less.
  Timeout timeout = kForever;
  // Further attempts at a task whose worker died. Below 0: mp::ValueError.
  int retries = 0;
};
template <>
struct CallOptions<void> {
  std::function<void()> callback = {};
  std::function<void(std::exception_ptr)> error_callback = {};
  std::optional<int64_t> chunksize = {};
  std::function<void(uint64_t done, uint64_t total)> progress = {};
  Timeout timeout = kForever;
  int retries = 0;
};

// Of an apply, and of a map or starmap, which wait for the result themselves: fields as those of CallOptions.
struct ApplyOptions {
  Timeout timeout = kForever;
  int retries = 0;
};
struct MapOptions {
  std::optional<int64_t> chunksize = {};
  std::function<void(uint64_t done, uint64_t total)> progress = {};
  Timeout timeout = kForever;
  int retries = 0;
};

// How an imap is to be done: fields as those of CallOptions.
struct IMapOptions {
  int64_t chunksize = 1;  // items per task
  // Chunks that are ahead; none: 256 per worker, or of large ones 1 MiB per worker, but 32 at least.
  std::optional<int64_t> buffersize = {};
  // Called in next(), of how many tasks all results have been taken, and of how many there are: 0 while nobody knows, as the
  // size of the input does not say and its end is not read. What it throws leaves next().
  std::function<void(uint64_t done, uint64_t total)> progress = {};
  Timeout timeout = kForever;
  int retries = 0;
};

}  // namespace mp

#endif  // MP_CALL_OPTIONS_H_
