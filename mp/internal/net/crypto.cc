#include "mp/internal/net/crypto.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <string.h>

#include <memory>

#include "mp/internal/base/check.h"
#include "mp/internal/os/random.h"

namespace mp::internal {
namespace {

template <auto kFree>
struct Free {
  template <class T>
  void operator()(T* p) const {
    kFree(p);
  }
};

const unsigned char* bytes_of(std::span<const std::byte> s) {
  return reinterpret_cast<const unsigned char*>(s.data());
}

// The digest's name, which OpenSSL does not change.
char g_sha256[] = "SHA256";

// An HMAC of this thread, to be keyed by each use.
class Hmac {
 public:
  static Hmac& local() {
    thread_local Hmac hmac;
    return hmac;
  }
  void begin(std::span<const std::byte> key) {
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, g_sha256, 0),
        OSSL_PARAM_construct_end(),
    };
    ok(EVP_MAC_init(context_.get(), bytes_of(key), key.size(), params));
  }
  void add(std::span<const std::byte> part) {
    ok(EVP_MAC_update(context_.get(), bytes_of(part), part.size()));
  }
  Digest finish() {
    Digest out;
    size_t size = 0;
    ok(EVP_MAC_final(context_.get(), reinterpret_cast<unsigned char*>(out.data()), &size,
                     out.size()));
    return out;
  }

 private:
  Hmac() : mac_(EVP_MAC_fetch(nullptr, "HMAC", nullptr)), context_(EVP_MAC_CTX_new(mac_.get())) {
    ok(context_ != nullptr);
  }
  static void ok(int result) { check(result == 1, "OpenSSL gives no HMAC-SHA256"); }

  std::unique_ptr<EVP_MAC, Free<EVP_MAC_free>> mac_;
  std::unique_ptr<EVP_MAC_CTX, Free<EVP_MAC_CTX_free>> context_;
};

SealTag tag_frame(const SealKey& key, uint64_t count, std::span<const std::byte> head,
                  std::span<const std::byte> body) {
  std::byte number[8];
  for (int i = 0; i < 8; ++i) {
    number[i] = static_cast<std::byte>(count >> 8 * i);
  }
  return hmac_sha256(key, {number, head, body});
}

[[maybe_unused]] const bool g_registered = (g_tag_frame = tag_frame, true);

}  // namespace

Digest sha256(std::span<const std::byte> bytes) {
  Digest out;
  unsigned int size = 0;
  check(EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(out.data()), &size,
                   EVP_sha256(), nullptr) == 1,
        "OpenSSL gives no SHA-256");
  return out;
}

Digest hmac_sha256(std::span<const std::byte> key,
                   std::initializer_list<std::span<const std::byte>> parts) {
  Hmac& hmac = Hmac::local();
  hmac.begin(key);
  for (std::span<const std::byte> part : parts) {
    hmac.add(part);
  }
  return hmac.finish();
}

Digest hkdf_sha256(std::span<const std::byte> key, std::span<const std::byte> salt,
                   std::string_view info) {
  std::unique_ptr<EVP_KDF, Free<EVP_KDF_free>> kdf(EVP_KDF_fetch(nullptr, "HKDF", nullptr));
  std::unique_ptr<EVP_KDF_CTX, Free<EVP_KDF_CTX_free>> context(EVP_KDF_CTX_new(kdf.get()));
  // OpenSSL takes a null pointer for no key at all, which is not the empty one.
  static constexpr std::byte kEmpty{};
  auto octets = [](const char* name, const void* data, size_t size) {
    return OSSL_PARAM_construct_octet_string(name, const_cast<void*>(data), size);
  };
  OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, g_sha256, 0),
      octets(OSSL_KDF_PARAM_KEY, key.empty() ? &kEmpty : key.data(), key.size()),
      octets(OSSL_KDF_PARAM_SALT, salt.data(), salt.size()),
      octets(OSSL_KDF_PARAM_INFO, info.data(), info.size()),
      OSSL_PARAM_construct_end(),
  };
  Digest out;
  check(context != nullptr &&
            EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(out.data()), out.size(),
                           params) == 1,
        "OpenSSL gives no HKDF-SHA256");
  return out;
}

void fill_random(std::span<std::byte> out) {
  std::string bytes = random_bytes(out.size());
  memcpy(out.data(), bytes.data(), bytes.size());
}

}  // namespace mp::internal
