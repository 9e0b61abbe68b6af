"""What all pages share: the frame, the components, their styles and the tags that draw them."""
