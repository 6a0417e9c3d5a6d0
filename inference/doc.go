// Package inference judges statements against pictures with a model pack.
//
// A pack is a folder: manifest.yaml, ONNX graphs, tokenizer files, goldens, a card. Open reads and checks
// it and loads its graphs into an Engine (inference/onnx runs them). Then
//
//	encoded, err := model.EncodeImage(ctx, picture)
//	scores, err := model.Score(ctx, []*inference.Encoded{encoded}, statements)
//
// gives for each picture and statement yes, no, maybe or not_judged. Every pack goes the same way: its
// vision graph makes image tokens of a picture once, a second graph reads the ids of a statement, beside the
// tokens (kinds pair_classifier and generative_choice) or alone (contrastive). A Model is safe for use by
// several goroutines.
//
// No pack is for clinical use: a verdict says whether a text fits a picture, never what a patient has.
package inference
