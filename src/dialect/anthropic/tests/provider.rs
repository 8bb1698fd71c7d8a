//! As the language of a provider: the requests that leave, and the replies that come.
