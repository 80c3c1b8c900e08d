//! The word that was probably meant. Knows letters, nothing of what words mean.

/// The known word that is nearest to `written`, where no more than a third of it is otherwise, or one letter.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let most = (written.len() / 3).max(1);
    let near = known.into_iter().filter(|known| known.len().abs_diff(written.len()) <= most);
    let near = near.map(|known| (strsim::damerau_levenshtein(written, known), known)).min()?;
    (near.0 <= most).then_some(near.1)
}
