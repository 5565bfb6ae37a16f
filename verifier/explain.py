"""What a person is told: for every reason code a sentence that says what to do.

The table is also the source of ``docs/reason-codes.md``.
"""

from __future__ import annotations

from providers.reasons import ReasonCode

REMEDIES: dict[ReasonCode, str] = {
    ReasonCode.OK: "Nothing to do.",
    ReasonCode.INVALID_REFERENCE: "Correct the image reference: registry/path:tag or registry/path@sha256:…",
    ReasonCode.NO_POLICY: "Ask the operator for a policy whose scopes name this repository;"
    " what no policy covers is refused.",
    ReasonCode.NO_SIGNATURE: "Sign the image by its digest ('cosign sign IMAGE@DIGEST') or the file"
    " ('cosign sign-blob'). An attestation does not count as a signature.",
    ReasonCode.NO_ATTESTATION: "Attach the attestation that the policy asks for ('cosign attest', 'cosign"
    " attest-blob'). A signature does not count as one.",
    ReasonCode.MALFORMED: "The signature is damaged, or in no form that cosign or another Sigstore client"
    " writes; sign again.",
    ReasonCode.UNSUPPORTED: "The signature has a format or a key this verifier does not support; sign"
    " again with cosign 3.",
    ReasonCode.NO_CERTIFICATE: "The policy asks for a certificate that names an identity: sign without"
    " --key. If the key is to be trusted, the operator has to name it.",
    ReasonCode.CHAIN_UNTRUSTED: "The certificate is not from an authority that the operator trusts, or"
    " trusted at that time; sign with the Sigstore instance the operator trusts.",
    ReasonCode.CERTIFICATE_INVALID: "The certificate is not a code-signing certificate with one identity;"
    " sign with a certificate of Fulcio.",
    ReasonCode.SIGNATURE_INVALID: "It is no signature of this content by the key asked for: somebody else"
    " signed, or something was changed or damaged. Find out which, then sign with that key.",
    ReasonCode.SUBJECT_DIGEST_MISMATCH: "This is a signature of another artifact. Find out who put it here,"
    " then sign this digest.",
    ReasonCode.DUPLICATE_LOG_ENTRY: "The signature comes with one log entry twice; sign again.",
    ReasonCode.LOG_ENTRY_MISMATCH: "The log entry belongs to another signature; sign again.",
    ReasonCode.LOG_UNTRUSTED: "The log entry is not from a transparency log the operator trusts, or its proof"
    " does not hold; sign with the trusted instance.",
    ReasonCode.TIMESTAMP_INVALID: "A timestamp of the signature is not to be trusted; sign again.",
    ReasonCode.TIME_OUTSIDE_VALIDITY: "The certificate or the key was not valid when it signed; sign again"
    " with one that is.",
    ReasonCode.SCT_UNTRUSTED: "The certificate is in no certificate transparency log the operator trusts;"
    " sign with the trusted instance.",
    ReasonCode.PREDICATE_TYPE_MISMATCH: "Attach an attestation of the type the policy asks for.",
    ReasonCode.NO_LOG_ENTRY: "The policy wants the signature in a transparency log; sign with log upload.",
    ReasonCode.NO_TIMESTAMP: "Nothing that the operator trusts proves when the signature was made; sign"
    " with a log that promises the time, or with a timestamp authority.",
    ReasonCode.IDENTITY_MISMATCH: "Sign with an identity that the policy names, or ask the operator to add yours.",
    ReasonCode.ANNOTATION_MISMATCH: "Sign with the annotations the policy asks for ('cosign sign -a key=value').",
    ReasonCode.CONDITION_NOT_MET: "The attestation does not say what the policy asks for, or the image lacks a"
    " platform that it names; see the check.",
    ReasonCode.TOO_OLD: "The signature is older than the policy allows; sign again.",
    ReasonCode.ENGINES_DISAGREE: "Two engines disagree about this signature, so it does not count; report"
    " it to the operator.",
    ReasonCode.THRESHOLD_NOT_MET: "The policy wants more of what there already is: signatures by more of those"
    " whom it names, or more distinct logs or timestamp authorities. See the checks.",
    ReasonCode.DENY_LISTED: "The operator has forbidden this artifact or signer.",
    ReasonCode.INTERNAL_ERROR: "A fault of the verifier; report it to the operator, who finds it in the log.",
    ReasonCode.OVERLOADED: "The verifier has too much to do; try again.",
    ReasonCode.DEADLINE_EXCEEDED: "The answer was not there in time; try again, and tell the operator if it"
    " stays so: the registry may be slow.",
    ReasonCode.POLICY_UNAVAILABLE: "The policies cannot be read at the moment; tell the operator.",
    ReasonCode.IMAGE_NOT_FOUND: "Push the image first, and check name, tag and spelling.",
    ReasonCode.REGISTRY_UNAVAILABLE: "The registry does not answer as it should at the moment; try again.",
    ReasonCode.REGISTRY_UNAUTHORIZED: "The registry wants credentials that the verifier does not have;"
    " tell the operator.",
    ReasonCode.REGISTRY_THROTTLED: "The registry limits requests at the moment; try again later.",
    ReasonCode.REGISTRY_INVALID_RESPONSE: "The registry does not answer as registries do; check the host name.",
    ReasonCode.CONTENT_MISMATCH: "The registry returned other content than was asked for; tell its operator.",
    ReasonCode.LIMIT_EXCEEDED: "There is more to read than the verifier's limits allow: too many or too large"
    " signatures. Remove those that are not needed.",
    ReasonCode.TRUST_UNAVAILABLE: "What the operator trusts cannot be used at the moment; tell the operator.",
    ReasonCode.ENGINE_UNAVAILABLE: "An engine the policy needs cannot run; tell the operator.",
}


def sentence(reason: ReasonCode, finding: str) -> str:
    """``finding`` (what is wrong) followed by what to do about ``reason``."""
    return f"{finding.rstrip('.')}. {REMEDIES[reason]}" if finding else REMEDIES[reason]
