"""Hosting MCP servers."""

from __future__ import annotations

from tests.requirements.claims import Claim, deferred, of_row

HOSTING: tuple[Claim, ...] = (
    *of_row(
        "HOST-001-004",
        new_versions_are_tried_first=(
            "A new version is judged and started while the one before it serves; if either was not good, that one goes on."
        ),
        pages_change_servers="A person who may starts, stops, rolls back and removes servers on the pages; no other site can.",
        resources_are_enforced="The memory and the number of a server's processes are what its row says.",
        images_are_patched=(
            "What an image lists is compared with advisories; one about it makes a proposal: the newer image that is in its "
            "layout, judged, or what has to be built again."
        ),
        progress_is_shown=(
            "While a version is made ready, its page and status show each step with its seconds; what was killed is not under "
            "way for ever."
        ),
        patches_are_told=(
            "A host looks by itself, soon after new advisories; a proposal is a signed artifact that receivers are told of, "
            "and its server's status and page show it."
        ),
        patches_are_proposed="An advisory makes a version that is proposed and judged, and never switched to by itself.",
        updates_drop_no_call=(
            "A new version takes over on a host when it was seen to answer there; calls go on meanwhile, and one that does "
            "not start there leaves the version before."
        ),
        rows_have_versions="A row has versions with their authors, a difference, a way back, and states that are shown.",
        servers_have_a_life_cycle=(
            "Servers are created from a spec, show their state, and are updated and rolled back with history, on "
            "Kubernetes or on one machine.",
            deferred("gap", "On one machine: history, diff, rollback and states. Kubernetes comes with the operator."),
        ),
    ),
    *of_row(
        "HOST-001b",
        one_workflow_that_goes_on="One workflow sets up the control plane, adds a server and calls it; a run "
        "that was ended goes on.",
        control_plane_on_kubernetes=(
            "The workflow takes under 20 minutes to the control plane, and under 45 to the first call.",
            deferred("gap", "Its own clocks say so or fail; it never ran on a cloud."),
        ),
    ),
    *of_row(
        "HOST-005-006-022",
        every_call_is_audited="Every call has one record with its caller, server, tool, time and result, however it ends.",
        every_change_is_audited="Every create, update and delete is recorded with its actor, and only authorised roles do it.",
    ),
    *of_row(
        "HOST-007",
        template_images_build_and_start=(
            "The Dockerfile of a template builds without a network on a base of one's own; its image starts as no one and "
            "answers a client."
        ),
        templates_pass_the_gate="Each template is judged by the shipped policy, started in its box, and served.",
        templates_run_alone="A server of a template runs by itself with tokens, roles, limits, an audit log and probes.",
        templates_run_under_the_operator="The object that a template brings makes its server ready and callable on a cluster "
        "with the operator.",
        templates_are_scaffolded="One command makes a server from a template, with tests, Dockerfile and manifests.",
    ),
    *of_row(
        "HOST-008-012",
        runbooks_are_generated=(
            "Runbooks are generated in milliseconds from templates by role and scenario, with version, sources and age."
        ),
        runbooks_execute=(
            "Each step is a command with a check that decides: what is done is skipped, a killed run goes on, and the signed "
            "record has all output."
        ),
        feedback_and_checklist=(
            "Feedback on pages and templates has a status; a checklist of each deployment cites evidence that verifies now."
        ),
        feedback_on_the_pages="On the pages a person who may gives and answers feedback; all readers see its status.",
        pages_of_runbooks="Runbooks, how far they are, and a server's checklist are pages, for a keyboard and a screen reader.",
    ),
    *of_row(
        "HOST-013",
        many_servers_under_one_endpoint="Many MCP servers are under one endpoint, by path; they come and go without a restart.",
        sessions_go_on_at_every_host="A request that reaches another host of the site than its session's is passed on to it.",
        tokens_for_one_server="Each server's path has its metadata, and a token for this path opens no other server.",
        only_cancelled_calls_fail="Of very many calls only those that were cancelled fail.",
        servers_in_images="A server in an OCI image of one digest is judged and served, and sees the image's files alone.",
    ),
    *of_row(
        "HOST-014",
        warm_servers_are_forked="Sessions of a Python server are forked from one process if its row says so.",
        just_in_time_start="The first request to a server that does not run starts it; one automatic retry, and then an alert.",
    ),
    *of_row(
        "HOST-015",
        onboarding_by_a_row="A server is added by a row in the configuration database, without a new deployment.",
        tokens_for_remote_servers="A remote server gets a token of our own that is kept until it ends, and never a caller's.",
    ),
    *of_row(
        "HOST-016",
        one_host_provisions="A fenced lease lets only one host provision a server, and a host that was delayed cannot act.",
    ),
    *of_row(
        "HOST-017",
        status_shows_the_state="The status shows a server: state, reason, processes, restarts, last lines of its errors.",
        status_is_fast="The status endpoint shows the state of a server, with a P95 under 200 ms.",
    ),
    *of_row(
        "HOST-018",
        owners_and_sharing="The owner team is recorded, and sharing is granted, revoked and audited.",
        shares_count_at_each_call="A call is decided with what its server is shared with now, and what is denied stays denied.",
    ),
    *of_row(
        "HOST-019",
        parameters_are_isolated="Scope parameters are checked at the start, and no request can leave its scope.",
    ),
    *of_row(
        "HOST-020",
        only_allowed_locks_start="A server starts only if its exact lock was allowed, and only as it was installed.",
        only_green_servers_start="A server starts only if its supply-chain gate is GREEN and it is on the allow list.",
        servers_elsewhere_keep_their_word=(
            "No call goes to a server of another machine before its lists are those that were judged, and none by another name."
        ),
        hidden_instructions_are_found="A hidden instruction is found at every place and in many spellings, in 27 languages.",
        pages_say_why_a_server_may_run="A page and a tool for agents list the servers and say why each may run, or why not.",
        real_attestations_verify="What PyPI and npm attested about real packages is judged offline, by the real root and key.",
    ),
    *of_row(
        "HOST-021",
        removal_is_complete="Removal stops the process and logs when and the exit code; idle servers end automatically.",
    ),
    *of_row(
        "HOST-023",
        tasks_are_of_their_caller="A task is polled, listed and cancelled by its caller alone, also at a shared server.",
        tenancy_per_server="Each server is shared with a context per tenant, or has a process per tenant.",
    ),
    *of_row(
        "HOST-024",
        guided_onboarding=(
            "A person without a tenant gets from an invitation, which opens once, over a verified e-mail domain to a first "
            "server; which identity is of which domain is kept."
        ),
    ),
    *of_row(
        "HOST-025",
        rate_limits="Rate limits per identity are configurable and logged, and decide in under 50 ms.",
        pages_share_the_limits="Pages and resources count for their caller's limits; unknown limits let nothing through.",
        beginnings_by_address="How often one address may begin to log in or to join is bounded, also in memory.",
    ),
    *of_row(
        "HOST-026-028",
        cost_events=(
            "Each call, read resource and prompt gives a cost event, or is not done: who, what, tokens, model, price; never "
            "its arguments."
        ),
        cost_within_the_bill="Cost events differ by less than 5 % from the bill of a real llama.cpp server.",
        advisories_reach_receivers=(
            "An advisory, and its end, is a signed artifact that receivers are told of; it does not say which caller."
        ),
        costs_and_quotas="Use is shown against quotas; over 80 % of one gives an advisory within five minutes, once.",
    ),
    *of_row(
        "HOST-027",
        network_snapshot_and_restore=(
            "Gateway and network settings are exported signed, and restored whole or not at all, by a command or by themselves "
            "after the tier or an address has changed."
        ),
    ),
    *of_row(
        "HOST-029",
        agents_are_reproducible=(
            "The configuration of an agent is exported as a signed file, the same each time, and an import says what differs."
        ),
    ),
    *of_row(
        "HOST-META",
        catalog_of_the_registry_format=(
            "Documents of the public MCP registry are read in bounds and strictly, and what does not fit is named."
        ),
        serves_the_registry_format=(
            "What is approved is served as an MCP registry answers, with cursors and filters; by its address if it is hosted."
        ),
        all_servers_together=(
            "Tools, prompts and resources of all servers are under one address and legal names, for each caller what they "
            "may call; a call is permitted, limited and recorded like a direct one."
        ),
        locks_are_compared_with_the_catalog=(
            "A file of which the catalog has another digest is shown when it is resolved, and its gate is RED."
        ),
        rows_from_the_catalog="A version that was approved becomes a row with its exact package, or a sentence says why not.",
        managed_through_mcp="Servers are found, deployed and managed through an MCP endpoint with a catalog.",
    ),
    *of_row(
        "HOST-KPI",
        figures_of_hosting="A command, a tool and a page show the figures of hosting with their definitions and targets.",
    ),
    *of_row(
        "HOST-OPS",
        badges_are_of_verdicts=(
            "The verdict and the publisher of a version are those of a verdict that counts now, and go when it goes."
        ),
        search_by_meaning="A search by meaning with a small model of the site says which kind of search answered.",
        sources_are_asked="An entry is asked about at npm, PyPI and GitHub if the operator said so and the tier permits it.",
        approved_on_the_pages=(
            "A person who may approves, refuses and rates an entry, and allows a lock by its digest, on the pages; no one else."
        ),
        pages_of_the_catalog="Pages show the catalog, an entry with its versions, who decided, and its badge.",
        catalog_with_approvals=(
            "A private catalog has versions that people approve or refuse, tags that the site demands, one rating a caller, "
            "and a search by words."
        ),
        existing_servers_are_wrapped="A repository, or a command that a client starts, is made ready; no shell runs.",
        from_a_folder_to_an_address="One command makes a folder a server with an address, a key and what each client reads.",
        buttons_by_role="A page shows each role the buttons that it may use, says why others are missing, and refuses them.",
        agents_are_an_extension_point=(
            "An agent (A2A) is an entry and a row of its own kind; calls to it are refused at the one place for a bridge."
        ),
        operations_per_server=(
            "Each server has start, stop, logs, metrics, a private catalog, connection snippets and a deployment workflow."
        ),
    ),
    *of_row(
        "HOST-NFR",
        streams_end_with_the_token="A stream whose caller is not let in any more ends in seconds; a call under way goes on.",
        memory_stays_as_it_is="Very many sessions, ended or left, leave the memory of a host as it was.",
        crashes_are_recovered_from="A crash shows, and the next call is served; a lost database stops nothing that runs.",
        limits_of_time_and_cost="Start, crash recovery, advisories, cost and limits keep the required times, and are measured.",
    ),
)
