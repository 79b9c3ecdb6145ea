"""The enterprise foundation."""

from __future__ import annotations

from tests.requirements.claims import Claim, deferred, of_row

_NOT_BUILT = deferred("not built", "The enterprise foundation is not built yet.")

BASE: tuple[Claim, ...] = (
    *of_row(
        "BASE-1",
        passes_the_conformance_suite=(
            "The server offers what the official MCP conformance suite asks for; a run counts only if every check ran."
        ),
        serves_both_protocol_versions="Tools, resources and prompts are served over HTTP and standard streams in both "
        "versions.",
        sessions_resume="A client that comes back gets what it missed, and no other client does.",
        sampling_for_capabilities="The client's own model drafts an explanation of a report, which is never evidence.",
    ),
    *of_row(
        "BASE-2",
        oauth_flows="The official client finds a real OIDC provider by this server's metadata, and calls tools by its tokens: "
        "PKCE, refresh rotation, introspection.",
        people_log_in="People log in to the pages at a provider, with PKCE; the server keeps, ends and revokes their sessions.",
        tokens_are_bound_to_the_audience="A token counts only for its audience, as a bearer access token of the trusted "
        "issuer.",
    ),
    *of_row(
        "BASE-3",
        roles_down_to_a_tool="Casbin roles form a hierarchy, with permissions down to a tool; Cedar limits single calls.",
        approving_is_a_permission="Who drafts a waiver cannot approve it by that permission, and an unapproved waiver does not "
        "count if the policy demands approvals.",
        a_policy_that_is_wrong_denies="A policy that is wrong, lost or being changed denies everything but to the user of this "
        "machine.",
    ),
    *of_row(
        "BASE-4",
        audit_log="The audit log only grows, shows each change with its line, masks secrets and can be exported.",
        audit_report="A report names for each control the records that are evidence for it, and says no control is met.",
    ),
    *of_row(
        "BASE-5",
        secrets_by_reference="Secrets come by reference from Vault, AWS, Azure, Kubernetes or files, never in artifacts.",
    ),
    *of_row(
        "BASE-6",
        reload_in_development="With --reload, a changed source is served without a manual restart.",
        a_plain_installation_is_enough_to_verify="A plain installation verifies and checks models; a missing extra is named.",
        first_steps_work_as_written="Each command of the pages for newcomers runs as the page shows it.",
        commands_start_quickly="A command imports only what it needs.",
        its_folders_are_private="What ArcOps makes for itself is private to its user, in the platform's own folders.",
        one_command_by_uvx="One command runs ArcOps locally (uvx), from nothing to a first verdict in less than five minutes.",
        a_wheel_of_the_same_bytes="A wheel and a source archive are the same bytes each time, and hold all it needs.",
        a_release_is_judged_by_its_own_gates="A release has an SBOM, SLSA provenance and a signature that ArcOps makes, and "
        "its own gates judge them.",
        scorecard_as_far_as_files_tell="What OpenSSF Scorecard asks of files is held: pins, rights, workflows, policy.",
        every_extra_on_every_python="The wheel installs with every extra on each Python at hand, and judges there.",
    ),
    *of_row(
        "BASE-7",
        traces_cross_processes="One trace goes from the MCP call through the flow to tasks and gates.",
        metrics_and_probes="Prometheus metrics and health probes follow the state of the dependencies.",
        logs_have_ids_and_no_secrets="JSON log lines have the ids of request, run and artifact, and no secrets.",
        dashboards_and_alerts_are_valid="The dashboard and the alert rules use only metrics that exist.",
        nothing_is_sent_unasked="Nothing is sent until a site configures it, and only if the tier allows it.",
    ),
    *of_row(
        "BASE-8",
        images_without_root_or_shell="Four images from one file run as no one, without a shell, on a read-only root; ArcOps "
        "judges what it says of them.",
        a_chart_that_is_closed="The chart renders for every set of values, fits Kubernetes' schemas, and its network is GREEN.",
        modules_for_three_clouds="Terraform modules for AKS, ACI, EKS, ECS, GKE and Cloud Run are private, encrypted, tagged "
        "and narrow.",
        promises_are_watched="Service levels have alerts by how fast they are used up, and each alert a runbook.",
        blue_green_with_rollback="An update stands beside the old one, and goes back by itself if it is not healthy; no call "
        "is lost.",
        bundle_for_an_air_gap="One signed file installs, upgrades and takes back a site without a network.",
        backups_are_verified_and_restored="A site is backed up to one signed file, with its secrets encrypted, and "
        "restored whole or not at all; what is not sound is refused before anything changes.",
    ),
    *of_row(
        "BASE-9",
        remotes_that_do_not_answer_are_left_alone="A remote that does not answer is left alone for a while, which is missing "
        "evidence and never skipped.",
        dependencies_come_back="A database or an issuer that goes away lets no one in meanwhile, and counts again when it is "
        "back.",
        caches_are_hints="What is cached can be made again: bounded in memory, sealed in Redis for other hosts, and right "
        "without either.",
        fast_under_load=(
            "The P95 is under 500 ms at 1000 connections, with session affinity and circuit breakers.",
            _NOT_BUILT,
        ),
    ),
    *of_row(
        "BASE-10",
        second_factors_and_saml="People log in with a second factor at a SAML identity provider behind the OpenID provider; a "
        "password alone is refused if a factor is required.",
        storage_sandbox="What is written for a caller lies below one folder, under plain names, in an index; no other caller "
        "lists, reads or removes it.",
        developer_setup="Editors have a configuration to debug with, sources are served again as they change, and make "
        "sets all up.",
        coverage_in_ci=(
            "CI measures that the tests run 80 % of the lines.",
            deferred(
                "gap",
                "The command 'make coverage' found 92.5 % and fails below 80; CI does not run it, as it takes the tests twice.",
            ),
        ),
    ),
)
