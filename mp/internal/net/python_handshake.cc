#include "mp/internal/net/python_handshake.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "mp/internal/base/check.h"
#include "mp/internal/frame/python_text.h"
#include "mp/internal/net/crypto.h"
#include "mp/internal/net/python_framing.h"
#include "mp/internal/net/seal.h"
#include "mp/internal/net/secret.h"

namespace mp::internal {
namespace {

constexpr size_t kMostPythonMessage = 256;
constexpr size_t kRandomSize = 40;
constexpr std::string_view kChallenge = "#CHALLENGE#";
constexpr std::string_view kWelcome = "#WELCOME#";
constexpr std::string_view kFailure = "#FAILURE#";
constexpr std::string_view kOurDigest = "{sha256}";

// Messages of these sizes have no name of a digest before them.
constexpr size_t kLegacyChallenge = 20;
constexpr size_t kLegacyAnswer = 16;

constexpr const char* kMd5Refused =
    "the peer uses HMAC-MD5, as Python before 3.12 does, which the option md5 of mp::python allows";

struct DigestKind {
  std::string_view name;
  const EVP_MD* (*function)();
};
constexpr DigestKind kMd5 = {"md5", EVP_md5};
constexpr DigestKind kDigests[] = {kMd5,
                                   {"sha256", EVP_sha256},
                                   {"sha384", EVP_sha384},
                                   {"sha3_256", EVP_sha3_256},
                                   {"sha3_384", EVP_sha3_384}};
constexpr size_t kMostName = 8;

struct Mac {
  std::array<std::byte, EVP_MAX_MD_SIZE> bytes;
  unsigned size = 0;
  std::string_view view() const { return {reinterpret_cast<const char*>(bytes.data()), size}; }
};

Mac hmac(const DigestKind& digest, const Secret& secret, std::string_view message) {
  // OpenSSL takes a null pointer for the key of the call before.
  static constexpr std::byte kEmpty{};
  const std::span<const std::byte> key = secret.bytes();
  Mac mac;
  unsigned char* out =
      HMAC(digest.function(), key.empty() ? &kEmpty : key.data(), static_cast<int>(key.size()),
           reinterpret_cast<const unsigned char*>(message.data()), message.size(),
           reinterpret_cast<unsigned char*>(mac.bytes.data()), &mac.size);
  check(out != nullptr, "OpenSSL gives no HMAC of a digest");
  return mac;
}

// What a challenge or an answer begins with.
struct Named {
  const DigestKind* digest = nullptr;  // null: a name that is not known, or none
  bool legacy = false;                 // md5, and no name
  std::string_view rest;
};

Named read_name(std::string_view message) {
  if (message.size() == kLegacyChallenge || message.size() == kLegacyAnswer) {
    return {&kMd5, true, message};
  }
  size_t end = message.substr(0, kMostName + 2).find('}');
  if (message.empty() || message[0] != '{' || end == message.npos) {
    return {};
  }
  std::string_view name = message.substr(1, end - 1);
  for (const DigestKind& digest : kDigests) {
    if (digest.name == name) {
      return {&digest, false, message.substr(end + 1)};
    }
  }
  return {};
}

std::string_view text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> bytes(std::string_view s) { return std::as_bytes(std::span(s)); }

std::string join(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (std::string_view part : parts) {
    out += part;
  }
  return out;
}

// "<what>: message=b'...'", as an f-string of Python's writes it.
std::string with_message(std::string what, std::string_view message) {
  what += ": message=";
  append_bytes_repr(what, message);
  return what;
}

class PythonHandshake final : public Handshake {
 public:
  PythonHandshake(const PythonTerms& terms, bool server) : terms_(terms), server_(server) {
    if (server) {
      deliver_challenge();
    } else {
      await(Step::kChallenge);
    }
  }

 private:
  // Which message of the peer comes next.
  enum class Step { kChallenge, kVerdict, kAnswer };
  // Which part of it.
  enum class Part { kLength, kLongLength, kBody };

  void await(Step step) {
    step_ = step;
    part_ = Part::kLength;
    expect(Framing::kLength);
  }

  void on_message(std::span<const std::byte> message) override {
    switch (part_) {
      case Part::kLength: {
        Framing::Length length = read_python_length(message.first<Framing::kLength>());
        if (length.more != 0) {
          part_ = Part::kLongLength;
          expect(length.more);
        } else {
          expect_body(length.body);
        }
        break;
      }
      case Part::kLongLength:
        expect_body(read_python_long_length(message.first<kPythonLongLength>()));
        break;
      case Part::kBody:
        on_body(text(message));
        break;
    }
  }

  void expect_body(uint64_t size) {
    if (size > kMostPythonMessage) {
      fail("bad message length");
    } else if (size == 0) {
      on_body({});
    } else {
      part_ = Part::kBody;
      expect(static_cast<size_t>(size));
    }
  }

  void on_body(std::string_view message) {
    greet();
    switch (step_) {
      case Step::kChallenge:
        answer_challenge(message);
        break;
      case Step::kVerdict:
        if (message != kWelcome) {
          fail("digest sent was rejected");
        } else if (server_) {
          finish();
        } else {
          deliver_challenge();
        }
        break;
      case Step::kAnswer:
        verify_answer(message);
        break;
    }
  }

  void deliver_challenge() {
    std::array<std::byte, kRandomSize> random;
    fill_random(random);
    challenge_ = join({kOurDigest, text(random)});
    say_message(join({kChallenge, challenge_}));
    await(Step::kAnswer);
  }

  void verify_answer(std::string_view answer) {
    Named named = read_name(answer);
    if (named.digest == nullptr) {
      refuse(unnamed(answer));
      return;
    }
    if (named.digest->name == kMd5.name && !terms_.md5) {
      refuse(kMd5Refused);
      return;
    }
    Mac expected = hmac(*named.digest, terms_.authkey, challenge_);
    if (named.rest.size() != expected.size) {
      refuse(join({"expected '", named.digest->name, "' of length ", std::to_string(expected.size),
                   " got ", std::to_string(named.rest.size())}));
    } else if (!equal_digests(bytes(expected.view()), bytes(named.rest))) {
      refuse("digest received was wrong");
    } else {
      say_message(kWelcome);
      if (server_) {
        await(Step::kChallenge);
      } else {
        finish();
      }
    }
  }

  void answer_challenge(std::string_view message) {
    if (message.substr(0, kChallenge.size()) != kChallenge) {
      fail_with(with_message("Protocol error, expected challenge", message));
      return;
    }
    message.remove_prefix(kChallenge.size());
    if (message.size() < kLegacyChallenge) {
      fail_with(join({"challenge too short: ", std::to_string(message.size()), " bytes"}));
      return;
    }
    Named named = read_name(message);
    if (named.digest == nullptr) {
      fail_with(unnamed(message));
      return;
    }
    if (named.digest->name == kMd5.name && !terms_.md5) {
      fail(kMd5Refused);
      return;
    }
    Mac mac = hmac(*named.digest, terms_.authkey, message);
    say_message(named.legacy ? std::string(mac.view())
                             : join({"{", named.digest->name, "}", mac.view()}));
    await(Step::kVerdict);
  }

  static std::string unnamed(std::string_view message) {
    return with_message("unsupported message length, missing digest prefix, or unsupported digest",
                        message);
  }

  void say_message(std::string_view message) {
    say(python_framing().head(Content::kRaw, message.size()).span());
    say(bytes(message));
  }

  // The peer hears of it, not of the reason.
  void refuse(std::string reason) {
    reason_text_ = std::move(reason);
    say_message(kFailure);
    fail_once_sent(reason_text_.c_str());
  }
  void fail_with(std::string reason) {
    reason_text_ = std::move(reason);
    fail(reason_text_.c_str());
  }

  const PythonTerms& terms_;
  const bool server_;
  Step step_ = Step::kChallenge;
  Part part_ = Part::kLength;
  std::string challenge_;  // ours
  std::string reason_text_;
};

}  // namespace

std::unique_ptr<Handshake> make_python_server_handshake(const PythonTerms& terms) {
  return std::make_unique<PythonHandshake>(terms, true);
}

std::unique_ptr<Handshake> make_python_client_handshake(const PythonTerms& terms) {
  return std::make_unique<PythonHandshake>(terms, false);
}

}  // namespace mp::internal
