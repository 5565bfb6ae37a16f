"""What to take away, and which test then has to fail: one protection each."""

from __future__ import annotations

from dataclasses import dataclass

REQUIREMENTS = "tests/unit/test_requirements.py::test_requirement_"
LOG_ENTRIES = "tests/unit/requirements/test_3_log_entries.py::test_requirement_3_"
DISTINCT = "tests/unit/requirements/test_4_distinct.py::test_requirement_4_"
TIMES = "tests/unit/requirements/test_6_times.py::test_requirement_6_"
JUDGE = "tests/unit/verifier/test_judge.py::test_"
TALLY = "tests/unit/verifier/test_tally.py::test_"
WEIGH = "tests/unit/verifier/test_weigh.py::test_"
PLATFORMS = "tests/unit/verifier/test_platforms.py::test_"
POLICY = "tests/unit/providers/test_policy.py::test_"
CONFIG = "tests/unit/verifier/test_config.py::test_"
SCENARIO = "tests/integration/test_scenarios.py::test_"
FAULTY = "tests/integration/test_registry_faulty.py::test_misbehaviour_has_its_reason_within_the_deadline"


@dataclass(frozen=True)
class Removal:
    """Take ``old`` out of ``file``, put ``new`` in its place; then ``test`` has to fail."""

    file: str
    old: str
    new: str
    test: str


REMOVALS = {
    # 1
    "1 statement subject": Removal(
        "verifier/engines/subject.py",
        "if entry.sha256 == subject.hex]",
        "]",
        f"{REQUIREMENTS}1_a_copied_signature_is_refused",
    ),
    "1 message digest": Removal(
        "verifier/engines/subject.py",
        "if signed is None or signed.hex() != subject.hex:",
        "if signed is None:",
        "tests/unit/engines/test_sigstore_engine.py::TestBinding::test_a_good_signature_of_another_artifact",
    ),
    "1 file for image": Removal(
        "verifier/core.py",
        "if isinstance(entity.content, MessageSignature):",
        "if False:",
        f"{REQUIREMENTS}1_a_signature_of_a_file_is_none_of_an_image",
    ),
    "1 attestation for signature": Removal(
        "verifier/judge.py",
        'is_signature = facts.predicate_type in ("", COSIGN_SIGN)',
        "is_signature = True",
        f"{REQUIREMENTS}1_an_attestation_about_this_image_is_no_signature_of_it",
    ),
    "1 signature for attestation": Removal(
        "verifier/judge.py",
        "    if is_signature:\n        return Check.failed(",
        "    if False:\n        return Check.failed(",
        f"{JUDGE}signatures_and_attestations_are_never_taken_for_each_other",
    ),
    "1 type of an attestation": Removal(
        "verifier/judge.py",
        "if asked and facts.predicate_type not in asked:",
        "if False:",
        f"{JUDGE}signatures_and_attestations_are_never_taken_for_each_other",
    ),
    "1 annotations": Removal(
        "verifier/judge.py",
        "        if signed.get(name) != value\n",
        "        if name not in signed\n",
        f"{JUDGE}every_annotation_asked_for_must_be_signed",
    ),
    # 2
    "2 resolved again": Removal(
        "verifier/core.py",
        "policies = self._find_policies(findings, image.descriptor)",
        "image.descriptor = self._store.resolve(subject.reference, budget);"
        " policies = self._find_policies(findings, image.descriptor)",
        f"{REQUIREMENTS}2_a_tag_that_moves_is_asked_once",
    ),
    "2 the registry's word": Removal(
        "verifier/oci/reader.py",
        "found = digest_of(answer.body)\n        if digest and",
        'found = answer.headers.get("docker-content-digest", "")\n        if digest and',
        "tests/integration/test_registry_recovery.py::test_content_digest_headers_are_never_believed",
    ),
    "2 fetched content": Removal(
        "verifier/oci/reader.py",
        "if digest != descriptor.digest:",
        "if False:",
        FAULTY,
    ),
    # 3
    "3 recorded signature": Removal(
        "verifier/engines/body.py",
        "    if ours is None or recorded != ours:",
        '    if what != "signature" and (ours is None or recorded != ours):',
        f"{LOG_ENTRIES}an_entry_that_records_something_else",
    ),
    "3 recorded signer": Removal(
        "verifier/engines/body.py",
        "    if ours is None or recorded != ours:",
        '    if what != "verifier" and (ours is None or recorded != ours):',
        f"{LOG_ENTRIES}an_entry_that_records_something_else",
    ),
    "3 recorded digest": Removal(
        "verifier/engines/body.py",
        "    if ours is None or recorded != ours:",
        '    if what not in {"digest", "payload"} and (ours is None or recorded != ours):',
        f"{LOG_ENTRIES}an_entry_that_records_something_else",
    ),
    "3 body": Removal(
        "verifier/engines/sigstore/log.py",
        "        check_body(entry, content, signer)\n",
        "",
        f"{LOG_ENTRIES}the_entry_of_another_signature_of_the_same",
    ),
    "3 promise": Removal(
        "verifier/engines/sigstore/log.py",
        "key.key.verify(entry.promise, canonical)",
        "pass",
        f"{LOG_ENTRIES}a_promise_is_the_log_s_and_of_this_entry",
    ),
    "3 inclusion": Removal(
        "verifier/engines/sigstore/log.py",
        "if _chain_border_right(below, hashes[inner:]) != proof.root_hash:",
        "if False:",
        f"{LOG_ENTRIES}a_proof_leads_to_a_checkpoint_that_the_log_signed",
    ),
    "3 the checkpoint's tree": Removal(
        "verifier/engines/sigstore/log.py",
        "if (signed.checkpoint.log_hash, signed.checkpoint.log_size) != (proof.root_hash.hex(), proof.tree_size):",
        "if False:",
        f"{LOG_ENTRIES}a_proof_leads_to_a_checkpoint_that_the_log_signed",
    ),
    "3 the checkpoint's signature": Removal(
        "verifier/engines/sigstore/log.py",
        "key.key.verify(base64.b64decode(signature.signature), note)",
        "pass",
        f"{LOG_ENTRIES}a_proof_leads_to_a_checkpoint_that_the_log_signed",
    ),
    "3 the log's key at the time of a promise": Removal(
        "verifier/engines/sigstore/log.py",
        "        if not key.window.contains(time):",
        "        if False:",
        f"{LOG_ENTRIES}the_log_s_key_was_trusted_then",
    ),
    "3 the log's key at the time of a timestamp": Removal(
        "verifier/engines/sigstore/log.py",
        "if entry.time is not None or any(all(map(key.window.contains, times)) for key in entry.keys):",
        "if True:",
        f"{LOG_ENTRIES}the_log_s_key_was_trusted_then",
    ),
    "3 the log's key without a time": Removal(
        "verifier/judge.py",
        "        if any(window.contains(known.now) for window in windows)\n",
        "",
        f"{LOG_ENTRIES}a_retired_log_vouches_for_nothing_without_a_time",
    ),
    # 4
    "4 logs": Removal(
        "verifier/judge.py",
        "return {entry.log_id for entry in facts.log_entries}",
        'return {f"{entry.log_id} {entry.log_index}" for entry in facts.log_entries}',
        f"{DISTINCT}two_entries_of_one_log_are_one",
    ),
    "4 promises of one log": Removal(
        "verifier/judge.py",
        "integrated = {stamp.authority for stamp in facts.timestamps if stamp.type == TLOG}",
        "integrated = {n for n, stamp in enumerate(facts.timestamps) if stamp.type == TLOG}",
        f"{DISTINCT}two_entries_of_one_log_are_one",
    ),
    "4 one log under two ids": Removal(
        "verifier/engines/sigstore/material.py",
        "counted_as = ids.setdefault(_key_hash(key.key), log_id)",
        "counted_as = log_id",
        f"{DISTINCT}a_log_under_two_ids_is_one",
    ),
    "4 one CT log under two ids": Removal(
        "verifier/engines/sigstore/material.py",
        "counted_as = ids.setdefault(_key_hash(key.key), log_id)",
        "counted_as = log_id",
        f"{DISTINCT}a_ct_log_under_two_ids_is_one",
    ),
    "4 one entry twice": Removal(
        "verifier/formats/log_entry.py",
        "if len({*stated}) != len(stated) or len({*placed}) != len(placed):",
        "if False:",
        f"{DISTINCT}the_same_entry_twice_is_refused",
    ),
    "4 authorities": Removal(
        "verifier/judge.py",
        "signed = {stamp.authority for stamp in facts.timestamps if stamp.type == TIMESTAMP_AUTHORITY}",
        "signed = {n for n, stamp in enumerate(facts.timestamps) if stamp.type == TIMESTAMP_AUTHORITY}",
        f"{DISTINCT}two_stamps_of_one_authority_are_one",
    ),
    "4 one authority under two names": Removal(
        "verifier/engines/sigstore/material.py",
        "name = names.setdefault(_key_hash(leaf.public_key()), known_as)",
        "name = known_as",
        f"{DISTINCT}an_authority_under_two_names_is_one",
    ),
    "4 one stamp twice": Removal(
        "verifier/engines/sigstore/timestamps.py",
        "if len(set(tokens)) != len(tokens):",
        "if False:",
        f"{DISTINCT}the_same_stamp_twice_is_refused",
    ),
    "4 CT logs": Removal(
        "verifier/judge.py",
        "len({sct.log_id for sct in facts.scts})",
        "len(facts.scts)",
        f"{DISTINCT}scts_of_two_logs_are_two_and_of_one_log_one",
    ),
    "4 the policy's name of a key": Removal(
        "verifier/signers.py",
        "keys = tuple(key for key in facts.key_names if key.name in authority.keys)",
        "keys = facts.key_names",
        f"{DISTINCT}one_key_under_two_names_is_one_signer",
    ),
    # 5
    "5 a broken one hides": Removal(
        "verifier/weigh.py",
        "outcome = all_of(outcomes)",
        "outcome = all_of([*outcomes, *(one.best.outcome for one in manifest.signatures)])",
        f"{REQUIREMENTS}5_one_good_signature_suffices_in_any_order",
    ),
    "5 the first decides": Removal(
        "verifier/weigh.py",
        "for one in manifest.signatures:",
        "for one in manifest.signatures[:1]:",
        f"{REQUIREMENTS}5_one_good_signature_suffices_in_any_order",
    ),
    "5 nothing is success": Removal(
        "verifier/verdict.py",
        "    if allowed >= threshold:",
        "    if allowed >= threshold or not listed:",
        f"{REQUIREMENTS}5_without_a_good_one_it_is_refused",
    ),
    "5 repeated keys": Removal(
        "verifier/formats/strict_json.py",
        "        if folded in seen:",
        "        if False:",
        f"{REQUIREMENTS}5_without_a_good_one_it_is_refused",
    ),
    "5 an incomplete listing": Removal(
        "verifier/weigh.py",
        "return None if obstacles or any(",
        "return None if any(",
        "tests/unit/verifier/test_core.py::test_a_listing_that_breaks_off_is_never_a_refusal",
    ),
    # 6
    "6 the certificate at proven times": Removal(
        "verifier/engines/sigstore/engine.py",
        "within(validity)(stamp.time, stamp.uri or stamp.authority)",
        "pass",
        f"{TIMES}a_certificate_is_valid_for_ten_minutes",
    ),
    "6 the authority at proven times": Removal(
        "verifier/engines/sigstore/material.py",
        'return Authority(\n        entry.uri or "", chain, names, hashes, _windows(chain, window),',
        'return Authority(\n        entry.uri or "", chain, names, hashes, _windows(chain, Window(None, None)),',
        f"{TIMES}the_authority_was_trusted_then",
    ),
    "6 the intermediate at proven times": Removal(
        "verifier/engines/sigstore/material.py",
        "        window = window.intersection(own)\n",
        "",
        f"{TIMES}the_intermediate_was_valid_then",
    ),
    "6 paths at proven times": Removal(
        "verifier/engines/sigstore/engine.py",
        "if all(path.window.contains(time) for time in times))",
        "if True)",
        f"{TIMES}the_authority_was_trusted_then",
    ),
    "6 the key at proven times": Removal(  # held twice: when a time is stated, and when all are known
        "verifier/facts.py",
        " and (self.end is None or time <= self.end)",
        "",
        f"{TIMES}a_key_was_trusted_then",
    ),
    "6 each name of a key at proven times": Removal(
        "verifier/engines/keys.py",
        "valid = tuple(key for key in names if all(map(key.window.contains, times)))",
        "valid = names",
        f"{TIMES}a_window_of_another_name_is_not_the_policy_s",
    ),
    "6 the timestamp authority": Removal(
        "verifier/engines/sigstore/timestamps.py",
        "        if not authority.window.contains(time):",
        "        if False:",
        f"{TIMES}the_timestamp_authority_was_trusted_then",
    ),
    "6 silent now": Removal(
        "verifier/judge.py",
        "unsafe=config.unsafe_use_current_time)",
        "unsafe=True)",
        f"{TIMES}no_time_is_no_time_for_a_key_with_a_window",
    ),
    "6 no time is any time": Removal(
        "verifier/judge.py",
        "    if known.proven:\n        return Check.passed(",
        "    if True:\n        return Check.passed(",
        f"{TIMES}no_time_is_no_time_for_a_key_with_a_window",
    ),
    "6 the time of the request": Removal(
        "verifier/judge.py",
        "    if any(map(known.within, windows)):",
        "    if True:",
        f"{TIMES}no_time_is_no_time_for_a_certificate",
    ),
    "6 certificates without a time": Removal(
        "providers/verifier_config.py",
        "if certificates and not (self.proof_of_time or self.unsafe_use_current_time):",
        "if False:",
        "tests/unit/providers/test_verifier_config.py::test_what_signers_can_have_and_need",
    ),
    "6 keys without a log": Removal(
        "providers/verifier_config.py",
        "if not certificates and not self.require_tlog_entries and not self.unsafe_ignore_tlog:",
        "if False:",
        "tests/unit/providers/test_verifier_config.py::test_what_signers_can_have_and_need",
    ),
    # 7
    "7 anchors": Removal(
        "providers/identity.py",
        "self._compiled.fullmatch(text)",
        "self._compiled.search(text)",
        f"{REQUIREMENTS}7_a_pattern_matches_the_whole_identity",
    ),
    "7 linear time": Removal(
        "providers/identity.py",
        "return re2.compile(pattern, options)",
        'return __import__("re").compile(pattern)',
        "tests/unit/providers/test_policy.py::test_patterns_that_are_not_re2_are_refused",
    ),
    "7 issuer": Removal(
        "verifier/signers.py",
        "        and identity.issuer.matches(certificate.issuer)\n",
        "",
        f"{REQUIREMENTS}7_the_issuer_is_compared_too",
    ),
    "7 empty": Removal(
        "providers/identity.py",
        "if bool(self.value) == bool(self.regexp):",
        "if self.value and self.regexp:",
        f"{REQUIREMENTS}7_empty_and_backtracking_patterns",
    ),
    # 8
    "8 candidates": Removal(
        "verifier/gathering.py",
        "if count == MAX_CANDIDATES:",
        "if False:",
        f"{REQUIREMENTS}8_candidates_and_signatures_are_counted",
    ),
    "8 layers": Removal(
        "verifier/core.py",
        "if len(layers) > MAX_SIGNATURES_PER_ARTIFACT:",
        "if False:",
        f"{REQUIREMENTS}8_layers_of_one_artifact_are_counted",
    ),
    "8 lists": Removal(
        "verifier/formats/strict_json.py",
        "    if len(found) > limit:",
        "    if False:",
        f"{REQUIREMENTS}8_what_is_parsed_is_bounded",
    ),
    "8 depth": Removal(
        "verifier/formats/strict_json.py",
        "        if depth > MAX_DEPTH:",
        "        if False:",
        f"{REQUIREMENTS}8_what_is_parsed_is_bounded",
    ),
    "8 size": Removal(
        "verifier/formats/strict_json.py",
        "    if len(data) > max_size:",
        "    if False:",
        f"{REQUIREMENTS}8_what_is_parsed_is_bounded",
    ),
    "8 streamed bytes": Removal(
        "verifier/oci/transport.py",
        "response.read1(min(_CHUNK, left + 1))",
        "response.read1(_CHUNK)",
        "tests/integration/test_registry_recovery.py::test_no_more_is_read_than_the_limit",
    ),
    "8 blob bytes": Removal(
        "verifier/oci/registry.py",
        "        if descriptor.size > cap:",
        "        if False:",
        "tests/integration/test_registry_honest.py::test_content_that_is_larger_than_the_cap_is_not_asked_for",
    ),
    "8 listed referrers": Removal(
        "verifier/oci/listing.py",
        "            if len(seen) == self._limits.referrers:",
        "            if False:",
        "tests/integration/test_registry_honest.py::test_past_the_cap_what_is_in_hand_comes_first",
    ),
    "8 pages": Removal(
        "verifier/oci/listing.py",
        "for page in range(self._limits.referrers_pages):",
        "for page in range(1000):",
        "tests/integration/test_registry_recovery.py::test_pages_of_a_listing_are_counted",
    ),
    "8 redirects": Removal(
        "verifier/oci/client.py",
        "for hop in range(self._limits.redirects + 1):",
        "for hop in range(1000):",
        FAULTY,
    ),
    "8 certificates": Removal(
        "verifier/formats/bundle.py",
        "limit=MAX_CERTIFICATES)",
        "limit=1000)",
        "tests/unit/formats/test_bundle.py::test_malformed",
    ),
    "8 dripped bytes": Removal(
        "verifier/oci/deadline.py",
        "watch.handle.shutdown(socket.SHUT_RDWR)",
        "pass",
        FAULTY,
    ),
    "8 requests": Removal(
        "verifier/budget.py",
        "            if requests and self._requests_left < 0:",
        "            if False:",
        f"{REQUIREMENTS}8_a_request_has_bytes_calls_and_time",
    ),
    "8 bytes": Removal(
        "verifier/budget.py",
        "            if count and self._bytes_left < 0:",
        "            if False:",
        f"{REQUIREMENTS}8_a_request_has_bytes_calls_and_time",
    ),
    "8 time": Removal(
        "verifier/budget.py",
        "        if left <= 0:",
        "        if False:",
        f"{REQUIREMENTS}8_a_request_has_bytes_calls_and_time",
    ),
    # Several authorities
    "authorities: one signer for two": Removal(
        "providers/matching.py",
        "if choice not in holders or place(holders[choice], tried):",
        "if True:",
        f"{TALLY}one_signer_is_one",
    ),
    "authorities: a largest matching": Removal(
        "providers/matching.py",
        "if choice not in holders or place(holders[choice], tried):",
        "if choice not in holders:",
        f"{TALLY}the_count_is_the_definition",
    ),
    "authorities: a name for a signer": Removal(
        "verifier/weigh.py",
        "signers[result.authority].add(one.signature.signer)",
        "signers[result.authority].add(one.signature.digest)",
        f"{WEIGH}several_signatures_of_one_signer_are_one",
    ),
    "authorities: the issuer of a signer": Removal(
        "verifier/facts.py",
        'return f"{self.certificate.subject_alternative_name}\\0{self.certificate.issuer}"',
        "return self.certificate.subject_alternative_name",
        f"{WEIGH}one_identity_of_two_issuers_is_two_signers",
    ),
    "authorities: every requirement": Removal(
        "verifier/weigh.py",
        "outcome = all_of(one.verdict.outcome for one in said)",
        "outcome = min(one.verdict.outcome for one in said)",
        f"{WEIGH}all_requirements_have_to_hold_and_any_authority_of_each",
    ),
    "authorities: what is unknown": Removal(
        "verifier/tally.py",
        "known + [Outcome.COULD_NOT_CHECK] * open_questions",
        "known",
        f"{TALLY}how_many_different_ones",
    ),
    "authorities: artifacts that could not be read": Removal(
        "verifier/weigh.py",
        "any(one.whole for one in missed)",
        "False",
        f"{WEIGH}what_could_not_be_checked_is_one_signature_or_any_number",
    ),
    "authorities: what the core could not read": Removal(
        "verifier/core.py",
        "examined.signatures.append(Unproven.of(candidate.descriptor, error, whole=True))",
        "examined.signatures.append(Unproven.of(candidate.descriptor, error))",
        f"{SCENARIO}the_answer_is_that_of_the_truth_table",
    ),
    "authorities: what could never hold": Removal(
        "providers/requirement.py",
        "if len(possible) < self.threshold:",
        "if False:",
        f"{POLICY}requirements_that_could_never_hold_are_refused",
    ),
    "authorities: one that is never asked": Removal(
        "providers/policy_spec.py",
        "if authority.name not in named:",
        "if False:",
        f"{CONFIG}an_authority_that_is_never_asked_is_refused",
    ),
    # Attestations
    "attestations: different ones": Removal(
        "verifier/weigh.py",
        "statements.add(one.signature.statement)",
        "statements.add(one.signature.digest.encode())",
        f"{WEIGH}different_attestations_are_counted",
    ),
    "attestations: enough of them": Removal(
        "verifier/weigh.py",
        "outcomes.append(enough(len(statements), requirement.attestation.count, unknown))",
        "pass",
        f"{WEIGH}different_attestations_are_counted",
    ),
    "attestations: conditions": Removal(
        "verifier/judge.py",
        "        if problem:\n",
        "        if False:\n",
        f"{WEIGH}conditions_must_hold",
    ),
    "attestations: a condition with a fault": Removal(
        "verifier/judge.py",
        'problem = f"cannot be evaluated ({type(error).__name__})"',
        'problem = ""',
        f"{WEIGH}conditions_must_hold",
    ),
    "attestations: a stranger's predicate": Removal(
        "verifier/judge.py",
        "    if _failures(judged):\n",
        "    if False:\n",
        f"{WEIGH}a_stranger_s_predicate_is_not_read_and_a_repeated_one_once",
    ),
    # Age
    "age: the oldest time": Removal(
        "verifier/judge.py",
        "signed = min(stamp.time for stamp in facts.timestamps)",
        "signed = max(stamp.time for stamp in facts.timestamps)",
        f"{JUDGE}the_oldest_proven_time_says_how_old_it_is",
    ),
    "age: no time": Removal(
        "verifier/judge.py",
        "    if not facts.timestamps:\n",
        "    if not facts.timestamps:\n        return []\n    if False:\n",
        f"{JUDGE}the_oldest_proven_time_says_how_old_it_is",
    ),
    "age: times that can be computed with": Removal(
        "providers/requirement.py",
        "not timedelta(0) < self.max_age <= _MAX_AGE:",
        "not timedelta(0) < self.max_age:",
        f"{POLICY}ages_that_cannot_be_computed_with_are_refused",
    ),
    # Deny lists
    "deny: signers": Removal(
        "verifier/judge.py",
        "        *denied_signer(facts, demand.denied),\n",
        "",
        f"{WEIGH}a_denied_signer_counts_for_nobody_and_hides_nobody",
    ),
    "deny: all names of a key": Removal(
        "verifier/signers.py",
        "{*facts.known_as, *(key.name for key in facts.key_names)}",
        "{key.name for key in facts.key_names}",
        f"{JUDGE}a_denied_key_goes_by_all_its_names",
    ),
    "deny: names with another hash": Removal(
        "verifier/engines/keyring.py",
        "known_as[signer.key_id] = (*known_as.get(signer.key_id, ()), entry.name)",
        "known_as[signer.key_id] = (entry.name,)",
        f"{SCENARIO}the_answer_is_that_of_the_truth_table",
    ),
    "deny: a certificate that says nothing": Removal(
        "verifier/signers.py",
        "and denied.issuer.covers(certificate.issuer)",
        "and denied.issuer.matches(certificate.issuer)",
        f"{JUDGE}a_certificate_that_says_nothing_is_among_those_that_say_anything",
    ),
    "deny: digests": Removal(
        "verifier/weigh.py",
        "for digest in sorted(digests.intersection(policy.denied.digests)):",
        "for digest in ():",
        f"{WEIGH}a_denied_artifact_is_refused_whatever_signs_it",
    ),
    "deny: what an index lists": Removal(
        "verifier/weigh.py",
        "digests |= findings.parts.digests",
        "pass",
        f"{PLATFORMS}a_denied_digest_is_refused_wherever_it_is_listed",
    ),
    "deny: what could not be read": Removal(
        "verifier/weigh.py",
        "if findings.parts.obstacle is not None:",
        "if False:",
        f"{PLATFORMS}what_could_not_be_read_may_be_denied",
    ),
    "deny: keys that nobody trusts": Removal(
        "providers/policy_spec.py",
        "for index, key in enumerate(spec.deny.keys):",
        "for index, key in ():",
        f"{CONFIG}a_denied_key_that_nobody_trusts_is_refused_at_start",
    ),
    # Platforms
    "platforms: the parts and not the index": Removal(
        "verifier/findings.py",
        "if self.parts is None or not policy.asks_parts:",
        "if True:",
        f"{PLATFORMS}what_has_to_be_signed",
    ),
    "platforms: an index that nobody read": Removal(
        "verifier/findings.py",
        "unread = policy.asks_parts and",
        "unread = False and",
        f"{WEIGH}an_index_that_nobody_read_is_not_signed",
    ),
    "platforms: missing ones": Removal(
        "verifier/weigh.py",
        "yield from _absent(policy, findings.parts)",
        "pass",
        f"{PLATFORMS}a_platform_that_is_listed_and_not_there",
    ),
    "platforms: other spellings": Removal(
        "providers/platforms.py",
        "os, architecture, variant = os.lower(), architecture.lower(), variant.lower()",
        "pass",
        f"{PLATFORMS}platforms_are_compared_as_runtimes_compare_them",
    ),
    "platforms: other names": Removal(
        "providers/platforms.py",
        "architecture = _ARCHITECTURES.get(architecture, architecture)",
        "pass",
        f"{PLATFORMS}a_second_manifest_for_a_listed_platform_is_judged_too",
    ),
    "platforms: manifests for any": Removal(
        "verifier/findings.py",
        "return self.anywhere or any(",
        "return any(",
        f"{PLATFORMS}a_second_manifest_for_a_listed_platform_is_judged_too",
    ),
    "platforms: listed twice": Removal(
        "verifier/parts.py",
        "part.platforms = (*part.platforms, platform)",
        "part.platforms = (platform,)",
        f"{PLATFORMS}a_manifest_that_is_listed_twice_is_for_both_platforms",
    ),
    "platforms: only what runs nowhere is left out": Removal(
        "verifier/parts.py",
        "elif platform != UNKNOWN:",
        "elif platform is not None and platform != UNKNOWN:",
        f"{PLATFORMS}nothing_else_goes_without",
    ),
    "platforms: indexes within": Removal(
        "verifier/parts.py",
        "waiting.append((entry, platform))",
        "pass",
        f"{PLATFORMS}an_index_within_the_index_hides_nothing",
    ),
    "platforms: the number of indexes": Removal(
        "verifier/parts.py",
        "if indexes > MAX_INDEXES:",
        "if False:",
        f"{PLATFORMS}indexes_are_counted",
    ),
    "platforms: the number of manifests": Removal(
        "verifier/parts.py",
        "if len(found) > MAX_PLATFORMS:",
        "if False:",
        f"{PLATFORMS}parts_are_counted",
    ),
    "platforms: entries that cannot be read": Removal(
        "verifier/parts.py",
        "        if index.unreadable:",
        "        if False:",
        f"{PLATFORMS}entries_that_cannot_be_read_could_be_anything",
    ),
    "platforms: one artifact by itself": Removal(
        "verifier/core.py",
        "findings.parts = self._parts(question, self._store.resolve(known, budget))",
        "pass",
        f"{PLATFORMS}one_artifact_beside_an_index_says_nothing_about_its_platforms",
    ),
    "platforms: the caller's word": Removal(
        "verifier/core.py",
        "findings.parts = self._parts(question, self._store.resolve(known, budget))",
        "findings.parts = self._parts(question, subject_descriptor)",
        f"{PLATFORMS}one_artifact_beside_an_index_says_nothing_about_its_platforms",
    ),
}
