"""The questions that the gate ``licence`` answers."""

from arcops.finding import Rule

STATED = Rule(
    id="licence/stated",
    asks="Does the card, a licence file, a configuration file or the SBOM's root state the model's licence?",
    fix="Ask the publisher for the licence; a model without one may not be copied or run.",
)
ALLOWED = Rule(
    id="licence/allowed",
    asks="May every licence stated for the model be used under the policy?",
    fix="Use another model, or have your legal owner add the licence to 'allowed' of gate 'licence'.",
)
COMPONENTS = Rule(
    id="licence/components",
    asks="May every licence that the SBOM states for components be used under the policy?",
    fix="Replace the component, choose its other licence, or add the licence to 'allowed' of gate 'licence'.",
)
AGREES = Rule(
    id="licence/agrees",
    asks="Do card, files and SBOM name the same licence?",
    fix="Ask the publisher which licence holds, and have card, licence file and SBOM say the same.",
)
CARD = Rule(
    id="licence/card",
    asks="Does the model card tell every fact that the policy requires?",
    fix="Add the fact to the model card, or drop it from 'requiredCardFacts' if nobody needs it.",
)
SOUND = Rule(
    id="licence/sound",
    asks="Could every model card, licence file and configuration file be read without doubt?",
    fix="Repair the file: plain UTF-8, one front matter, each key once.",
)
