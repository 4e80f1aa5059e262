"""Files as an app wants them: raw bytes in, probabilities or plain numbers out."""
