"""svg.py FILE TEXT… - the file is well-formed, draws something, and its texts hold those given."""
import sys
import xml.etree.ElementTree

root = xml.etree.ElementTree.parse(sys.argv[1]).getroot()
tag = [e.tag.rsplit("}", 1)[-1] for e in root.iter()]
text = ["".join(e.itertext()).strip() for e in root.iter() if e.tag.endswith("text")]
wanted = sys.argv[2:]
if not root.tag.endswith("svg") or tag.count("path") < len(wanted) or not set(wanted) <= set(text):
    sys.exit(f"{sys.argv[1]}: {tag.count('path')} paths, texts {text}; wanted {wanted}")
