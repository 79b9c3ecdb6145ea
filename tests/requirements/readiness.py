"""What is judged: the supply chain of a model, the network, GPUs, inference and the cluster."""

from __future__ import annotations

from tests.requirements.claims import Claim, deferred, of_row

READINESS: tuple[Claim, ...] = (
    *of_row(
        "ARC-A1",
        model_signatures_verify="Model signatures verify by key, certificate and Sigstore, and the smallest change is refused.",
        other_tools_read_our_signatures="The tools of OpenSSF Model Signing verify the signatures that ArcOps makes.",
        sigstore_bundles_verify="Sigstore bundles of the conformance corpus are accepted and refused as they should be.",
        cosign_signatures_verify="Cosign signatures over OCI image layouts on disk verify.",
        roots_and_windows_count="A signature counts only inside the validity of its key, certificate, log and trust root.",
        who_may_sign_is_policy="A policy says who may sign what. By default no one may.",
        keys_are_kept_safe="Signing keys are encrypted files, environment text or PKCS #11 tokens, and are never overwritten.",
    ),
    *of_row(
        "ARC-A2",
        attestations_are_read="In-toto statements in DSSE are read strictly, with the keys that signed them.",
        slsa_provenance_is_judged="SLSA provenance is judged by builder, source and level.",
        summaries_of_others_count_by_policy="A verification summary (VSA) of another verifier counts only if the policy trusts "
        "it.",
        digests_must_match_the_disk="A statement counts only if its subject digests match the bytes on disk.",
        provenance_can_be_made="ArcOps makes SLSA provenance that the in-toto library reads.",
    ),
    *of_row(
        "ARC-A3",
        cyclonedx_is_read="CycloneDX, with ML-BOM, is read and validated by its specification.",
        spdx_is_read="SPDX 2.2, 2.3 and 3.0.1 are read and validated by their specifications.",
        minimum_elements_are_judged="The minimum elements of an SBOM and its match with the files are judged.",
        a_missing_sbom_can_be_made="A missing SBOM is made from the Python environment, and passes the gate.",
        trivy_makes_a_missing_sbom=(
            "A missing SBOM is made by Trivy.",
            deferred("gap", "Trivy scans SBOMs and files, but ArcOps makes SBOMs only from the Python environment."),
        ),
        a_bad_sbom_is_red="A broken, huge or hostile SBOM is RED with the reason, and leaves no process behind.",
    ),
    *of_row(
        "ARC-A4",
        trivy_is_run_safely="Trivy runs offline, with bounds, and no misbehaviour of it counts as an answer.",
        trivy_reports_are_read="Trivy's reports are read in full, and other documents are refused.",
        trivy_findings_are_judged="Trivy's findings are judged by severity, fix and the age of the database.",
        advisories_match_offline="Packages are matched offline with imported OSV advisories, without a scanner.",
        versions_are_ordered_exactly="The version order of each ecosystem matches its published cases; doubt never counts as "
        "safe.",
        vex_is_applied="VEX documents are read and applied, with the reason if a statement does not count.",
        waivers_are_narrow="A waiver has an owner, a reason and an expiry, and covers exactly one thing.",
    ),
    *of_row(
        "ARC-A5",
        pickles_that_execute_are_red="A pickle that imports or calls something is found without running it.",
        headers_that_lie_are_red="Corrupted or lying headers of safetensors, GGUF and other formats are found.",
        templates_are_checked="Chat templates that could run code are refused, and the check ends in bounded time.",
        unexpected_files_are_red="Unexpected executables, links, archives and files beside the model are RED.",
        reading_takes_bounded_time="Reading hostile text costs no more than its length allows.",
    ),
    *of_row(
        "ARC-A6",
        licences_are_judged="Licence expressions are read and judged by policy.",
        the_card_is_read="The facts of the model card and licence files are read from disk, and tricks are refused.",
    ),
    *of_row(
        "ARC-B1",
        generated_manifests_deny_by_default="A short description gives deny-by-default manifests that are proven GREEN.",
        gateway_and_mesh_objects_are_generated=(
            "Gateway API routes, and Istio's Sidecar, mTLS and authorization objects, are generated and judged."
        ),
        hosts_by_name_are_held="Egress by host name is generated for Cilium, ClusterNetworkPolicy and Istio, or refused.",
        cilium_policies_are_read="Cilium's policies are read by their meaning, and unknown forms are never ignored.",
    ),
    *of_row(
        "ARC-B2",
        reachability_is_exact="The engine's answer equals that of a reference, and published vectors.",
        the_mesh_is_part_of_the_answer="The mesh is part of the answer, and only facts that no manifest shows make it "
        "uncertain.",
        violations_name_line_and_fix="Each violation has the file, the line and a fix; each patch removes its finding.",
        manifests_are_read_strictly="Manifests are read as an API server reads them, and no error hides another.",
        custom_objects_fit_their_definitions="Custom objects are checked against the site's own definitions, with CEL.",
        clusters_are_read_by_listing="A live cluster is read only by listing, with the kubeconfig that the operator allows.",
        ways_in_from_outside_are_shown="Ways in from outside are shown with the rules that allow them.",
        people_ask_and_see_a_map="People ask what can connect, and see a map, from the command line.",
        costly_manifests_are_refused="Manifests that would cost too much are refused by a count, the same on every machine.",
    ),
    *of_row(
        "ARC-B3",
        drift_is_by_reachability="Drift shows the connections that changed, not only the text.",
        drift_is_a_signed_gate="Drift of a live cluster is judged by a gate, signed and kept.",
        snapshots_can_be_continued="A snapshot of a cluster is complete or says that it is not, and can be continued.",
    ),
    *of_row(
        "ARC-C1",
        each_fault_is_found="Each fault of driver, ECC, clocks, links, MIG or XIDs breaks its own rule.",
        kernel_messages_are_read="XIDs are read from the kernel's messages; messages that cannot be read are UNKNOWN.",
        the_xid_catalogue_is_whole="Every number of NVIDIA's XID catalogue is judged by the action that it asks for at once.",
        faults_without_a_number_are_found="A lost or broken GPU is found in the kernel's messages without a number, too.",
        thresholds_are_by_kind="Thresholds come from profiles of the device kind, with their sources.",
        a_policy_decides_each_signal="Each decision of a policy changes exactly the rule that it names.",
        the_command_leaves_an_artifact="``arcops gpu check`` leaves a signed artifact, also if it is stopped or run by a "
        "worker.",
    ),
    *of_row(
        "ARC-C2",
        cpus_are_measured="A node without a GPU is measured by its processor, and wrong results are found.",
        gpus_are_measured="Memory, copies and matrix products are measured on a GPU, and checked against a reference.",
        every_kernel_compiles="Every kernel compiles for every supported architecture.",
        sustained_load_is_measured="Sustained load is measured with the sensors of the device.",
        figures_are_judged_by_baseline_and_kind="Figures are judged against a signed site baseline and the vendor's figures.",
        noise_does_not_decide="The statistics decide only if the noise allows it.",
        real_gpus_are_measured=(
            "The benchmark is tested on a real GPU.",
            deferred(
                "gap", "The tests use NVIDIA's real binding with a simulated device; the figures of real GPUs are in the docs."
            ),
        ),
    ),
    *of_row(
        "ARC-C3",
        requests_are_measured_exactly="Time to first token, latency between tokens and throughput match planned answers.",
        models_are_measured_together="Several models are measured together, with the effect of each on the others.",
        goals_are_judged="Each goal of a policy, such as goodput, turns exactly its own rule.",
        the_command_leaves_an_artifact="``arcops inference check`` keeps its deadline and leaves a signed artifact with every "
        "request.",
        servers_are_told_apart="The server kind, the load time of a model and the free memory are found.",
        the_connection_is_private="TLS is verified, and a key is sent only to a trusted endpoint and never kept.",
        models_call_tools="Calls of tools, streamed and not, and in parallel, are judged by JSON Schema and repetition.",
        foundry_local_is_measured="The real engine of Foundry Local is measured.",
    ),
    *of_row(
        "ARC-C4",
        each_fault_of_a_cluster_is_found="Each fault of nodes, plugins, classes, mesh, quotas or time breaks its own rule.",
        silence_is_never_ready="An API server that hangs, stops or answers nonsense is RED with the reason.",
        access_is_bounded="A kubeconfig of a caller may hold only harmless fields, and its program gets no secrets of ours.",
        the_worker_checks_clusters="Prefect's worker checks the clusters that its operator named.",
    ),
)
