// mp/codec.h
//
// How values cross to another process: Codec<T>, and Shippable<T>, which says at compile time whether a T can.
//
// These can: numbers, bool, enumerations, std::string, mp::Bytes, times and durations (std::chrono, Abseil), optional, variant,
// pair, tuple, array, every container of the standard library and of Abseil, aggregates field by field, mp::Object, mp::Fd,
// exceptions, functions (mp/function.h), FlatBuffers (mp/flatbuffer.h), and the library's own objects, as handles. Views
// (std::string_view, const char*, std::span) can be sent, and are received as what owns the same.
//
// Yours can, if it is an aggregate (public fields, no constructors, no base, no C array), or names its fields,
//
//   class Worker {
//    public:
//     auto fields() { return std::tie(queue_, count_); }
//
// or has a Codec:
//
//   template <>
//   struct mp::Codec<Money> {
//     static mp::Encoder::Ref encode(mp::Encoder& e, const Money& m) { return e.value(m.cents()); }
//     static Money decode(const mp::Reader& r) { return Money(r.as<int64_t>()); }
//   };
//
// What means the same is read as each other: any integer type reads any integer that fits it (mp::ValueError if it does not),
// double reads integers, std::vector reads lists, tuples, structs. Anything else is an mp::TypeError that names both types.
// What cannot cross does not compile, and the message says what to do instead.
//
// Handles    What is decoded is another value; of a handle, another handle to the same thing.
// Safety     Codecs hold no state: use them anywhere at once.
// Ordering   None of their own: the channel's.
// Blocking   Never, unless a Codec of yours does; a message is encoded before a channel's lock is taken.
// Cost       A number, a text or a vector of numbers: about 50 bytes and one copy of the content. Other values: 24 to 32 bytes
//            and some tens of nanoseconds per part. A message ends at 2 GiB.
// Death      None: a codec writes to memory of the caller only.
// Crossing   The bytes are FlatBuffers, described in mp/wire/WIRE.md.
// Python     The place of pickle; but no message can run code, and what cannot cross is known before the program runs.

#ifndef MP_CODEC_H_
#define MP_CODEC_H_

#include "mp/internal/frame/message.h"

#endif  // MP_CODEC_H_
