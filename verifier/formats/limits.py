"""How much of a signature is read. Each number says where it comes from."""

from __future__ import annotations

# SBOM attestations of large images run to a few MB, a third more in base64.
MAX_BUNDLE_SIZE = 16 << 20
# sigstore-go, internal/limits: 32 entries and 32 timestamps a bundle.
MAX_LOG_ENTRIES = 32
MAX_TIMESTAMPS = 32
# Leaf, intermediates, root: nobody needs more, and only the leaf counts.
MAX_CERTIFICATES = 10
# Fulcio's certificates have 1 to 2 kB; what makes one larger are URIs and names. Of a hostile one the parser makes
# an object for every three bytes, before anything is known about who issued it.
MAX_CERTIFICATE = 64 << 10
# A timestamp response has 1 kB, with the authority's whole chain in it 5 kB.
MAX_TIMESTAMP = 64 << 10
# An RSA-4096 signature has 512 bytes; ML-DSA-87 would have 4627. A log's promise is a signature too.
MAX_SIGNATURE = 16 << 10
# A log is named by a SHA-256; twice that is room for another hash.
MAX_LOG_ID = 64
# Media types have at most 255 characters (RFC 6838 section 4.2); predicate types, which are URIs, some 60. The
# kind of a log entry and its version are shorter still.
MAX_TYPE_NAME = 1024
# A log entry of an attestation holds hashes, of an old intoto one the envelope itself.
MAX_ENTRY_BODY = MAX_BUNDLE_SIZE
