//! The tags of an XML document.
//!
//! Format: <https://www.w3.org/TR/xml/>. Document types are refused: graphs have none, and they are what entities that
//! multiply are defined in.

/// A tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag<'a> {
    /// `<name key="value">`, or `<name key="value"/>`, which is not followed by a closing tag.
    Open {
        /// Name of the element.
        name: &'a [u8],
        /// What stands between name and end.
        attributes: &'a [u8],
        /// Whether it ends with `/>`.
        is_empty: bool,
    },
    /// `</name>`.
    Close,
}

/// The tags of a document, in order.
#[derive(Clone, Debug)]
pub(crate) struct Tags<'a> {
    rest: &'a [u8],
}

/// What is wrong with a document.
pub(crate) type Problem = &'static str;

impl<'a> Tags<'a> {
    pub(crate) fn of(document: &'a [u8]) -> Self {
        Self { rest: document }
    }

    /// The next tag; comments and the like are passed over.
    pub(crate) fn next(&mut self) -> Result<Option<Tag<'a>>, Problem> {
        loop {
            let Some(start) = self.rest.iter().position(|&byte| byte == b'<') else { return Ok(None) };
            self.rest = &self.rest[start + 1..];
            match self.rest {
                [b'!', b'-', b'-', ..] => self.pass(b"-->")?,
                [b'!', b'[', b'C', b'D', b'A', b'T', b'A', b'[', ..] => self.pass(b"]]>")?,
                [b'!', ..] => return Err("it has a document type, which no graph has"),
                [b'?', ..] => self.pass(b"?>")?,
                [b'/', ..] => {
                    self.pass(b">")?;
                    return Ok(Some(Tag::Close));
                }
                _ => return self.open().map(Some),
            }
        }
    }

    fn pass(&mut self, end: &[u8]) -> Result<(), Problem> {
        let at = self.rest.windows(end.len()).position(|window| window == end).ok_or(TRUNCATED)?;
        self.rest = &self.rest[at + end.len()..];
        Ok(())
    }

    fn open(&mut self) -> Result<Tag<'a>, Problem> {
        let mut quote = None;
        let is_end = |&byte: &u8| match quote {
            None if byte == b'>' => true,
            None => {
                quote = Some(byte).filter(|byte| b"\"'".contains(byte));
                false
            }
            Some(open) => {
                quote = quote.filter(|_| byte != open);
                false
            }
        };
        let end = self.rest.iter().position(is_end).ok_or(TRUNCATED)?;
        let tag = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        let (tag, is_empty) = tag.strip_suffix(b"/").map_or((tag, false), |tag| (tag, true));
        let name_len = tag.iter().position(u8::is_ascii_whitespace).unwrap_or(tag.len());
        let (name, attributes) = tag.split_at(name_len);
        Ok(Tag::Open { name, attributes, is_empty })
    }
}

const TRUNCATED: Problem = "it ends inside a tag";

/// The value of an attribute; `None` when there is none of that name.
pub(crate) fn attribute<'a>(mut attributes: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, Problem> {
    const BROKEN: Problem = "it has an attribute without a value in quotes";
    loop {
        attributes = attributes.trim_ascii_start();
        if attributes.is_empty() {
            return Ok(None);
        }
        let equals = attributes.iter().position(|&byte| byte == b'=').ok_or(BROKEN)?;
        let found = attributes[..equals].trim_ascii_end();
        let rest = attributes[equals + 1..].trim_ascii_start();
        let quote = rest.first().filter(|quote| b"\"'".contains(quote)).ok_or(BROKEN)?;
        let rest = &rest[1..];
        let end = rest.iter().position(|byte| byte == quote).ok_or(BROKEN)?;
        if found == name.as_bytes() {
            return Ok(Some(&rest[..end]));
        }
        attributes = &rest[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(document: &str) -> Result<Vec<String>, Problem> {
        let mut tags = Tags::of(document.as_bytes());
        let mut names = Vec::new();
        while let Some(tag) = tags.next()? {
            names.push(match tag {
                Tag::Open { name, is_empty, .. } => {
                    format!("{}{}", String::from_utf8_lossy(name), if is_empty { "/" } else { "" })
                }
                Tag::Close => "end".to_owned(),
            });
        }
        Ok(names)
    }

    #[test]
    fn tags_are_told_from_what_looks_like_them() {
        let document =
            "<?xml v='<a>'?><!-- <b> --><net name='a>b' x=\"'/>\"><![CDATA[<c>]]><d\n\tk = '1' /> text</net >";
        assert_eq!(names(document).unwrap(), ["net", "d/", "end"]);
        assert_eq!(names("").unwrap(), [""; 0]);
        for broken in ["<", "<a", "<a b='>", "<!-- ->", "<![CDATA[ ]>", "<? >", "</a"] {
            assert_eq!(names(broken), Err(TRUNCATED), "{broken}");
        }
        let bomb = "<!DOCTYPE a [<!ENTITY b \"&c;&c;\">]><a>&b;</a>";
        assert!(names(bomb).unwrap_err().contains("document type"));
        assert!(names("<!ELEMENT a>").is_err() && names("<![cdata[").is_err());
    }

    #[test]
    fn attributes_are_found_however_they_are_written() {
        let attributes = b" type\t=\n'Const' offset=\"1>2\" name=\" size='7' \" size='8'";
        let find = |name| attribute(attributes, name).unwrap().map(|value| String::from_utf8_lossy(value).into_owned());
        assert_eq!(find("type").as_deref(), Some("Const"));
        assert_eq!(find("offset").as_deref(), Some("1>2"));
        assert_eq!(find("size").as_deref(), Some("8"));
        assert_eq!(find("Size"), None);
        for broken in [&b"a"[..], b"a=", b"a=1", b"a='", b"a='1' b"] {
            assert!(attribute(broken, "c").is_err(), "{broken:?}");
        }
    }
}
