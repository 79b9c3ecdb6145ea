"""The spine: evidence, verdict, artifact, tiers, doors, failing closed, and what people and pipelines do with artifacts."""

from __future__ import annotations

from tests.requirements.claims import Claim, deferred, of_row

SPINE: tuple[Claim, ...] = (
    *of_row(
        "ARC-0",
        evidence_says_what_was_seen="Each collector of a plan gives evidence of what it saw, or the reason why it saw nothing.",
        gates_are_pure="Gates judge evidence by a policy. They read no files and open no connections.",
        verdict_follows_from_findings="The verdict is GREEN, AMBER or RED, and it follows from the findings.",
        every_runner_gives_the_same_artifact="The same plan gives the same artifact, whether threads or Prefect's tasks "
        "collect.",
        hostile_input_is_contained="Hostile input cannot run code, read the key, or change what ArcOps itself imports.",
        code_keeps_to_its_place="Packages import only from below; connections and processes are each opened in one place.",
        a_subject_is_added_in_its_own_folders="A new subject needs a class, a collector, a gate and a policy, and no other "
        "change.",
    ),
    *of_row(
        "ARC-1",
        signed_json="An artifact is a signed in-toto statement in JSON. What was sealed comes back whole; a change is refused.",
        verified_offline="Anyone with the public key verifies an artifact without a network, also one of an earlier release.",
        people_can_read_it="People read the same report at a terminal, in Markdown and on a page.",
        written_pages_match_the_code="The pages in docs that are written from the code match it.",
        agents_can_read_it="An LLM agent gets artifacts and rules as MCP resources and prompts, with published JSON Schemas.",
        kept_without_loss="The store keeps an artifact whole or not at all, and shows every later removal or edit.",
        errors_are_clear="Bad input gets one sentence and a documented exit code, and nothing is lost.",
        verified_with_cosign=(
            "The tools of the field verify a readiness report: cosign verify-blob-attestation accepts it.",
            deferred("gap", "Other tools are tested on model signatures and provenance, but not on a readiness report."),
        ),
    ),
    *of_row(
        "ARC-2",
        air_gapped_opens_no_connection="In the tier air-gapped, no connection leaves the machine, and the checks still work.",
        only_named_hosts_are_reached="Every connection asks one function, which lets a tier reach only hosts that a person "
        "named.",
        the_tier_is_in_the_artifact="The artifact records the tier of the check and of each piece of evidence.",
        connected_may_update="In the tier connected, Trivy may update its database.",
        crosses_an_air_gap="Artifacts cross an air gap in a mirror, which is verified on arrival.",
        the_age_of_data_is_judged="Databases and revocation lists have an age, and a policy says how old is too old.",
        enrichment_through_a_proxy=(
            "In the tier restricted, data is fetched from allow-listed hosts through a proxy.",
            deferred("gap", "No data is fetched in this tier; advisories and lists are imported from files."),
        ),
    ),
    *of_row(
        "ARC-3",
        every_capability_is_a_tool="Every capability is an MCP tool with a typed request and a typed response.",
        the_command_line_is_a_client="Each command calls one tool, and each tool has one command.",
        remote_is_as_local="A command gives the same output and exit code at a remote server, also if Prefect runs the work.",
        callers_are_identified="A server knows who calls, by token or by user, and shows a caller only that caller's work.",
        callers_are_bounded="A remote caller reaches only the files, clusters, endpoints and policies that the operator "
        "allows.",
        messages_have_one_meaning="A message, address or path that two parsers could read differently is refused.",
        pages_are_clients_of_the_tools=(
            "The evidence pages show only what the tools answer.",
            deferred("gap", "The pages call the tools, but no test forbids another way to the store."),
        ),
    ),
    *of_row(
        "ARC-4",
        no_failed_collector_is_green="A collector that crashes, hangs, is stopped or is absent never leaves the verdict GREEN.",
        a_missing_signature_is_red="An artifact or a model without a valid signature by a trusted key is never accepted as "
        "GREEN.",
        unknown_egress_is_denied="Egress that is not known to be allowed makes the network RED.",
        a_gpu_that_is_not_ready_is_blocked="A machine whose GPU or driver does not work is BLOCKED and RED.",
        a_wrong_policy_is_an_error="An unknown key or a wrong value in a policy is an error with its place, never a default.",
        wrong_clocks_are_not_trusted="An artifact from the future, or one that has expired, is not GREEN.",
        threats_have_tests="Every threat that the threat model calls handled names a test that exists.",
    ),
    *of_row(
        "ARC-C5",
        same_verdict_byte_for_byte="The same policy and evidence give the same statement, byte for byte, on another machine.",
        sites_can_be_compared="The measurements of two sites can be compared, with the uncertainty of both.",
        a_policy_is_found_by_its_name="A policy is named and read in the same way on every machine, and its digest is in the "
        "artifact.",
    ),
    *of_row(
        "ARC-D1",
        deployments_run_on_a_site="Scheduled and triggered runs end with an artifact on a real Prefect server, or say why not.",
        tools_hand_long_work_to_prefect="A tool call becomes a Prefect run, and the caller follows its progress and gets its "
        "answer.",
        runs_are_bounded="A run names only files below the roots of its worker, and writes only below the output folder.",
        work_pools_on_kubernetes="The manifests for Prefect's worker and jobs on Kubernetes are valid and match their page.",
    ),
    *of_row(
        "ARC-D2",
        the_exit_code_is_the_verdict="One command checks a model, and its exit code is the verdict.",
        sarif_and_junit_are_valid="SARIF and JUnit are valid by their schemas, and hosts show them as intended.",
        pipelines_for_three_platforms="The pipelines for GitHub, GitLab and Azure are valid and do what their page says.",
        admission_needs_a_green_artifact="A workload is admitted only if the newest artifact of its model is GREEN, valid and "
        "signed.",
        the_webhook_is_narrow="The admission webhook answers an API server over TLS, and its manifests grant only what it "
        "needs.",
    ),
    *of_row(
        "ARC-D3",
        artifacts_are_reviewed_in_a_browser="A person reviews verdicts, findings, evidence and signature state of artifacts on "
        "pages.",
        pages_are_safe_and_usable="The pages work in a real browser, with and without scripts, and run nothing that others "
        "wrote.",
        lists_can_be_filtered="Artifacts can be listed by subject, verdict, site, gate and time.",
        artifacts_can_be_compared="Two artifacts can be compared, and the difference is shown down to the field.",
        the_network_is_drawn="The page of a network artifact shows its map.",
    ),
    *of_row(
        "ARC-D4",
        figures_come_from_the_store="The success figures are measured from signed artifacts in the store, with their "
        "definitions.",
    ),
    *of_row(
        "ARC-R1",
        one_signed_release_verdict="One signed verdict for a model on a site is composed of the signed parts. A missing, "
        "expired, revoked or foreign part is RED.",
        hosted_servers_and_clients_are_parts="Verdicts about hosted servers and drafts for clients are parts of a release.",
    ),
    *of_row(
        "ARC-R2",
        new_artifacts_reach_subscribers="A new artifact reaches subscribed clients, the page, Prefect and a webhook: at least "
        "once, in order, also after a restart.",
        streams_end_with_the_token="A stream of the front whose caller is not let in any more ends in seconds.",
    ),
    *of_row(
        "ARC-R3",
        models_fit_together="From headers and configurations alone, a plan says whether models fit together on "
        "GPUs, what is left, and what goals for time cost in concurrency.",
        plans_are_held_against_measurements="A plan is held against what was measured at the endpoint, and the "
        "formulas against published observations; the error is stated.",
    ),
    *of_row(
        "ARC-R4",
        time_to_first_inference="The time from a model's first check to its first judged answer is shown by step, and compared "
        "with the site's median.",
    ),
)
