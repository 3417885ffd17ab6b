"""Why a model says what it says: of any callable from one-hot (batch, 4, position) to (batch, output).

The verb `explain` calls `sequence_report.explain_sequences` and `write.write_explanation`. For use from Python besides:

- attributions: `mutagenesis.in_silico_mutagenesis`, `gradients.saliency`, `gradients.input_x_gradient`,
  `gradients.integrated_gradients`, `deeplift.deep_lift_shap`; how far to trust them: `agreement`;
- many outputs from one pass: `mutagenesis.all_substitutions`, and `NAME_of` beside the other four;
- design: `design.design` under `constraints.Constraints`, `design.second_opinion`;
- experiments: `marginalise.marginalise` puts a motif into backgrounds, `marginalise.ablate` takes a span out,
  `marginalise.spacing` sets two motifs at several distances; `scan.scan` finds a motif's places with exact p-values;
- attention: `attention.attention_maps`, `attention.rollout`, `attention.attended`, `attention.attention_profile`;
- motifs: `motifs.discover_motifs`, `match.match_motifs`, `seqlets.recursive_seqlets`, `profile.find_words`.
"""
