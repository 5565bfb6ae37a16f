"""What the public conformance suite asks of bundles, class by class, and which of our own vectors asks the same.

The names on the left are those of its folders under ``test/assets/bundle-verify``; nothing else is theirs.
"""

from __future__ import annotations

CLASSES = {
    # What a bundle is
    "bundle-empty-certificate-chain_fail": "chain-empty_fail",
    "bundle-from-wrong-instance_fail": "instance-of-a-stranger_fail",
    "bundle-invalid-base64-signature_fail": "signature-not-base64_fail",
    "bundle-malformed-json_fail": "json-cut-off_fail",
    "bundle-negative-log-index_fail": "log-index-negative_fail",
    "bundle-unknown-version_fail": "version-unknown_fail",
    "bundle-with-root-cert_fail": "chain-with-root_fail",
    "happy-path-intoto-in-dsse-v3": "attestation-rekor1",
    "happy-path-v0.1": "blob-bundle-0.1",
    "happy-path-v0.2": "blob-bundle-0.2",
    "happy-path-v0.3": "blob-bundle-0.3",
    "happy-path-v0.3-new-mediaType": "blob-rekor1",
    # Certificates, their authorities and CT logs
    "bundle-with-sct-with-extensions": "sct-with-extensions",
    "intoto-expired-certificate_fail": "attestation-authority-outside-its-window_fail",
    "invalid-ct-key_fail": "ct-key-of-a-stranger_fail",
    # What was signed
    "dsse-invalid-sig_fail": "attestation-rekor1-signature-of-another_fail",
    "message-digest-mismatch_fail": "message-digest-of-another_fail",
    "rekor2-dsse-invalid-sig_fail": "attestation-rekor2-signature-of-another_fail",
    "signature-mismatch_fail": "signature-of-another_fail",
    "wrong-material_fail": "blob-of-another-artifact_fail",
    # Keys
    "managed-key-and-trusted-root": "key-with-another-root",
    "managed-key-happy-path": "key-rekor1",
    "managed-key-no-key_fail": "key-signed_fail",
    "managed-key-wrong-key_fail": "key-of-another_fail",
    # What log entries record
    "dsse-mismatch-envelope_fail": "attestation-rekor1-not-the-logged_fail",
    "dsse-mismatch-sig_fail": "attestation-rekor1-signature-not-the-logged_fail",
    "incorrect-public-key_fail": "entry-with-another-certificate_fail",
    "intoto-log-entry-mismatch_fail": "attestation-intoto-entry-of-another_fail",
    "intoto-with-custom-trust-root": "attestation-intoto-with-another-root",
    "rekor2-dsse-happy-path": "attestation-rekor2",
    "rekor2-dsse-mismatch-envelope_fail": "attestation-rekor2-not-the-logged_fail",
    "rekor2-dsse-mismatch-sig_fail": "attestation-rekor2-signature-not-the-logged_fail",
    "rekor2-happy-path": "blob-rekor2",
    "wrong-hashedrekord-artifact_fail": "entry-of-another-artifact_fail",
    "wrong-hashedrekord-cert-and-sig_fail": "entry-of-another-signer_fail",
    "wrong-hashedrekord-entry_fail": "entry-of-another-blob-and-signer_fail",
    # Promises and proofs of logs
    "inclusion-proof-corrupted-hash_fail": "proof-hash-flipped_fail",
    "integrated-time-in-future_fail": "promise-of-tomorrow_fail",
    "intoto-missing-inclusion-proof_fail": "attestation-intoto-without-proof_fail",
    "intoto-set-outside-signing-cert-validity_fail": "attestation-intoto-promise-after-certificate_fail",
    "invalid-inclusion-proof_fail": "proof-of-an-earlier-tree_fail",
    "rekor2-no-inclusion-proof_fail": "rekor2-without-proof_fail",
    "set-invalid-signature_fail": "promise-signature-flipped_fail",
    "trust-root-tlog-missing-validity-start_fail": "log-window-without-start_fail",
    "trust-root-tlog-validity-end-inclusive": "log-window-ends-then",
    # Checkpoints
    "checkpoint-bad-keyhint_fail": "checkpoint-key-hint_fail",
    "checkpoint-wrong-roothash_fail": "checkpoint-of-another-tree_fail",
    "invalid-checkpoint-signature_fail": "checkpoint-signature-flipped_fail",
    "rekor2-checkpoint-cosigned": "checkpoint-cosigned",
    "rekor2-checkpoint-missing-log-signature_fail": "checkpoint-without-signature_fail",
    "rekor2-checkpoint-missing-origin_fail": "checkpoint-without-origin_fail",
    "rekor2-checkpoint-missing-root-hash_fail": "checkpoint-without-root-hash_fail",
    "rekor2-checkpoint-missing-size_fail": "checkpoint-without-size_fail",
    "rekor2-checkpoint-multiple-cosigs": "checkpoint-cosigned-by-three",
    "rekor2-checkpoint-no-matching-signature_fail": "checkpoint-by-another-name_fail",
    "rekor2-checkpoint-origin-not-first": "checkpoint-log-signs-last",
    "rekor2-checkpoint-two-sigs-cosigned": "checkpoint-two-of-the-log-cosigned",
    "rekor2-checkpoint-two-sigs-from-origin": "checkpoint-two-of-the-log",
    # Timestamps
    "intoto-tsa-timestamp-outside-cert-validity_fail": "attestation-intoto-timestamp-after-certificate_fail",
    "rekor2-no-timestamp_fail": "rekor2-without-timestamp_fail",
    "rekor2-timestamp-outside-trust-root-tsa-validity_fail": "timestamp-after-the-window_fail",
    "rekor2-timestamp-outside-tsa-cert-validity_fail": "timestamp-after-the-authority-expired_fail",
    "rekor2-timestamp-payload-mismatch_fail": "timestamp-of-another-signature_fail",
    "rekor2-timestamp-untrusted-tsa-with-embedded-cert_fail": "timestamp-by-stranger-with-certificates_fail",
    "rekor2-timestamp-untrusted-tsa-without-embedded-cert_fail": "timestamp-by-stranger_fail",
    "rekor2-timestamp-with-embedded-cert": "timestamp-with-certificates",
    "rekor2-timestamp-with-expired-cert-chain": "timestamp-by-an-authority-expired-since",
    "rekor2-timestamp-with-incorrect-time_fail": "rekor2-timestamp-after-certificate_fail",
    "rekor2-timestamp-without-embedded-cert": "timestamp-without-certificates",
    "trust-root-tsa-validity-end-inclusive": "timestamp-at-the-end-of-the-window",
}
